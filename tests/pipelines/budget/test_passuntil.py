"""PassUntil: the pooled rate is wrong, path counting is right, in rounds and at the cap."""

import math
import random

import pytest

from rollmill.pipelines.budget.passuntil import PassUntil
from rollmill.roles.tallies import Draw, Stop, Tally
from rollmill.stats import path_counting_rate, path_counts
from tests.pipelines.budget.simulation import simulate


def test_until_so_many_correct_however_alike() -> None:
    same = Tally("same", 8, 4, 4, distinct_correct=1)
    plan = PassUntil().plan(1, [same, Tally("one", 8, 1, 7)])
    assert plan.stops == (Stop("same", "target_met", {"drawn": 8, "correct": 4}),)
    assert plan.draws == (Draw("one", 8, 8),)


def test_a_round_depends_on_drawn_and_correct_alone_and_doubles_at_most() -> None:
    budget = PassUntil(initial=8, passes=4, cap=100)
    assert [budget.rule(*point) for point in [(0, 0), (3, 3), (8, 0), (8, 3), (64, 0), (100, 0), (9, 4)]] == [
        8,
        5,
        8,
        3,
        36,
        0,
        0,
    ]


def test_a_problem_never_solved_ends_at_the_cap_and_counts_as_0_of_its_draws() -> None:
    result = simulate(PassUntil(cap=100), {"never": 0.0})
    assert (result.drawn, result.reasons) == ({"never": 100}, {"never": "trial_cap"})
    counts = path_counts(PassUntil(cap=100).rule, cap=100, wanted={(100, 0)})
    assert path_counting_rate(100, 0, counts) == 0.0


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_path_counting_is_unbiased_where_the_pooled_rate_is_not(rate: float) -> None:
    """Over all stopping points of the rule, drawn in rounds, with the chance of each: the mean of the estimate is p."""
    budget = PassUntil(initial=2, passes=2, cap=64)
    counts = path_counts(budget.rule, cap=budget.cap)
    chance = {(n, c): paths * rate**c * (1 - rate) ** (n - c) for (n, c), (_, paths) in counts.items()}
    assert math.fsum(chance.values()) == pytest.approx(1.0)
    honest = {point: path_counting_rate(*point, counts) or 0.0 for point in counts}
    assert math.fsum(chance[point] * honest[point] for point in counts) == pytest.approx(rate, rel=1e-9)
    assert math.fsum(chance[n, c] * c / n for n, c in counts) > 1.1 * rate


def test_one_at_a_time_r_over_k_is_twice_too_high_at_r_2() -> None:
    """The card: x1.99 at r = 2 and p = .001; (r - 1)/(K - 1) is right."""
    rate, ends = 0.001, range(2, 20_000)
    chance = [(k - 1) * rate**2 * (1 - rate) ** (k - 2) for k in ends]
    assert math.fsum(p * 2 / k for p, k in zip(chance, ends, strict=True)) == pytest.approx(1.99 * rate, rel=0.01)
    assert math.fsum(p / (k - 1) for p, k in zip(chance, ends, strict=True)) == pytest.approx(rate, rel=1e-4)


def test_only_wanted_stopping_points_are_counted_and_alike() -> None:
    budget = PassUntil(initial=4, passes=3, cap=64)
    every = path_counts(budget.rule, cap=64)
    rng = random.Random(0)
    wanted = set(rng.sample(sorted(every), 20))
    assert path_counts(budget.rule, cap=64, wanted=wanted) == {point: every[point] for point in wanted}
