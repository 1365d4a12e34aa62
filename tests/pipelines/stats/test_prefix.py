"""Fixed prefixes: which completions count, in any order, and what is missing."""

import pytest

from pipelines.stats import PrefixCounts, prefix_counts


def test_only_the_first_indices_count_in_any_order() -> None:
    outcomes = [(9, "correct"), (1, "incorrect"), (0, "correct"), (2, "unparsed"), (3, "undecided")]
    counts = prefix_counts(outcomes, 4)
    assert counts == PrefixCounts(correct=1, judged=3, undecided=1, missing=0)
    assert counts.pass_rate == 1 / 3


def test_missing_indices_are_counted_not_filled() -> None:
    counts = prefix_counts([(0, "correct"), (5, "correct")], 4)
    assert counts == PrefixCounts(correct=1, judged=1, undecided=0, missing=3)
    assert prefix_counts([], 2).pass_rate is None


def test_contradictions_and_strange_words_are_refused() -> None:
    with pytest.raises(ValueError, match="two outcomes"):
        prefix_counts([(0, "correct"), (0, "incorrect")], 2)
    with pytest.raises(ValueError, match="'right'"):
        prefix_counts([(0, "right")], 2)
    with pytest.raises(ValueError, match="n0 = 0"):
        prefix_counts([], 0)
