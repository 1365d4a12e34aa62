"""Votes over several models against brute force, and ModelSwitch's equality with the pooled vote as an exact oracle."""

import random
from collections import Counter
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.stats import vote, weighted_vote
from rollmill.stats.draws.vote import self_agreement

answer = st.sampled_from(["a", "b", "c", None])


@pytest.mark.parametrize(
    ("answers", "elected"),
    [
        ([["a", "a", "b"]], "a"),
        ([["a", "a"], ["b", "b"]], "a"),
        ([["a", "b"], ["b", "a"]], "a"),
        ([["b", "a", "a"], ["b", "b", "c"]], "b"),
        ([[None, None], ["c", None]], "c"),
        ([[None]], None),
        ([], None),
    ],
)
def test_the_most_frequent_answer_wins_and_ties_go_to_the_earlier_model(
    answers: list[list[str]], elected: str | None
) -> None:
    assert vote(answers) == elected


def votes_by_answer(answers: list[list[str | None]]) -> Counter[Hashable]:
    return Counter(answer for mine in answers for answer in mine if answer is not None)


@given(st.lists(st.lists(answer, max_size=6), max_size=4))
def test_nobody_has_more_votes_than_the_elected(answers: list[list[str | None]]) -> None:
    counts = votes_by_answer(answers)
    assert counts[vote(answers)] == max(counts.values(), default=0)


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(*[st.lists(answer, min_size=n, max_size=n)] * 2)))
def test_two_models_equal_n_and_unanimity_are_the_pooled_vote(both: tuple[list[str | None], list[str | None]]) -> None:
    first, second = both
    stopped = len(set(first)) == 1 and first[0] is not None
    assert vote([first] if stopped else [first, second]) == vote([first, second])


@given(st.lists(st.lists(answer, max_size=6), max_size=4), st.randoms())
def test_the_order_of_a_models_answers_matters_only_among_equals(
    answers: list[list[str | None]], rng: random.Random
) -> None:
    shuffled = [rng.sample(mine, len(mine)) for mine in answers]
    counts = votes_by_answer(answers)
    assert counts[vote(shuffled)] == counts[vote(answers)]


@pytest.mark.parametrize(
    ("answers", "agreement"),
    [
        (["a", "a", "a"], 1.0),
        (["a", "b"], 0.5),
        (["a", "b", "c", "d"], 0.25),
        (["a", None], 1.0),
        ([None, None], 0.0),
        (["a", "a", "a", "b"], 0.25 + 0.75 * (1 - 0.8112781244591328)),
    ],
)
def test_self_agreement_is_the_papers_weight(answers: list[str | None], agreement: float) -> None:
    assert self_agreement(answers) == pytest.approx(agreement, abs=1e-12)


def test_a_model_at_odds_with_itself_weighs_less() -> None:
    tied = [["a", "a", "b", "b"], ["d", "d", "e", "f"]]
    assert vote(tied) == "a"
    assert weighted_vote(tied) == "d"
