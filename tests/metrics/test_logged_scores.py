"""Numbers of other tools from their scores: against counting every subset, and their conventions one by one."""

import math
from itertools import combinations, product

import pytest

from rollmill.metrics.logged_scores import EACH, VOTE, Reduction, counterpart, logged_number, spread_of_runs

NAN = math.nan


@pytest.mark.parametrize("n", range(1, 6))
def test_pass_at_k_and_pass_k_are_those_of_every_subset(n: int) -> None:
    for scores in product((0.0, 0.5, 1.0), repeat=n):
        for k in range(1, n + 1):
            subsets = [[scores[at] >= 1 for at in subset] for subset in combinations(range(n), k)]
            assert Reduction("pass_at", k)(scores) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-15)
            assert Reduction("pass_k", k)(scores) == pytest.approx(sum(map(all, subsets)) / len(subsets), abs=1e-15)
            assert Reduction("at_least", k)(scores) == (sum(score >= 1 for score in scores) >= k)


def test_a_threshold_says_what_is_right() -> None:
    assert Reduction("pass_at", 1, least=0.5)([0.5, 0.4]) == 0.5
    assert Reduction("pass_at", 1)([0.5, 0.4]) == 0.0


def test_unscored_answers_are_left_out_and_too_few_give_nothing() -> None:
    assert Reduction("mean")([1.0, NAN, 0.0]) == 0.5
    assert math.isnan(Reduction("mean")([NAN]))
    assert math.isnan(Reduction("pass_at", 2)([1.0, NAN]))  # never 1.0 for want of answers
    assert logged_number([[1.0, NAN], [0.0, 1.0]], Reduction("pass_at", 2), "mean") == 1.0
    assert logged_number([[NAN]], Reduction("mean"), "mean") is None


def test_plain_reductions() -> None:
    scores = [0.0, 1.0, 1.0, 0.0]
    assert [Reduction(name)(scores) for name in ("mean", "median", "mode", "max")] == [0.5, 0.5, 0.0, 1.0]
    assert Reduction("mode")(scores[1:]) == 1.0
    assert Reduction("mean", first=1)(scores) == 0.0
    assert Reduction("mean", first=3)(scores) == pytest.approx(2 / 3)


def test_a_vote_is_over_pairs_of_answer_and_score_and_ties_are_averaged() -> None:
    vote = Reduction(VOTE)
    assert vote([1.0, 0.0, 0.0], ["4", "5", "5"]) == 0.0
    assert vote([1.0, 0.0], ["4", "5"]) == 0.5
    assert vote([1.0, 0.0, 0.0], ["4", None, None]) == 1.0
    assert vote([0.0, 0.0], [None, None]) == 0.0
    assert vote([1.0, 0.0, 0.0], ["4", "4", "4"]) == 0.0  # a judge that scored one text twice in different ways
    assert Reduction(VOTE, first=1)([1.0, 0.0, 0.0], ["4", "5", "5"]) == 1.0


def test_averages_over_problems_and_over_answers() -> None:
    unequal = [[1.0], [0.0, 0.0, 0.0]]
    assert logged_number(unequal, Reduction("mean"), "mean") == 0.5
    assert logged_number(unequal, Reduction(EACH), "mean") == 0.25
    problems = [[1.0], [0.0], [1.0], [1.0]]
    deviation = math.sqrt(sum((value - 0.75) ** 2 for value in (1, 0, 1, 1)) / 3)
    assert logged_number(problems, Reduction("mean"), "stderr") == pytest.approx(deviation / 2, abs=1e-15)
    assert logged_number(problems, Reduction("mean"), "std") == pytest.approx(deviation, abs=1e-15)
    assert logged_number(problems[:2], Reduction("mean"), "median") == 1.0  # the upper of two
    assert logged_number(problems[:1], Reduction("mean"), "stderr") == 0.0


def test_the_spread_of_runs_is_over_the_ith_answers() -> None:
    scores = [[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]
    assert spread_of_runs(scores, 4) == pytest.approx(1 / 6)  # means 2/3, 2/3, 2/3, 1/3
    assert spread_of_runs(scores, 3) == 0.0


def test_names_of_reducers() -> None:
    assert Reduction.of("pass_at_4") == Reduction("pass_at", 4)
    assert Reduction.of("mean") == Reduction("mean")
    assert Reduction.of("collect") is None


def test_what_estimates_the_same_here() -> None:
    def asked(reduction: Reduction) -> tuple[str, tuple[int, ...], int] | None:
        ours = counterpart(reduction, 4)
        return None if ours is None else (ours[0], ours[1].ks, ours[2])

    assert asked(Reduction("mean")) == ("pass@k", (1,), 4)
    assert asked(Reduction("mean", first=1)) == ("pass@k", (1,), 1)
    assert asked(Reduction("pass_at", 2)) == ("pass@k", (2,), 4)
    assert asked(Reduction("max")) == ("pass@k", (4,), 4)
    assert asked(Reduction("pass_k", 3)) == ("pass^k", (3,), 4)
    assert asked(Reduction(VOTE, first=2)) == ("maj@k", (2,), 2)
    assert asked(Reduction("mode")) is None
