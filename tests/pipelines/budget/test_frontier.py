"""The frontier: found within its interval as often as it says, with fewer draws than a sweep of all levels."""

import math
import random

import numpy as np
import pytest
from scipy import integrate

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem
from rollmill.pipelines.budget.frontier import Frontier
from rollmill.roles.tallies import Tally
from rollmill.stats.draws.frontier import (
    LevelCounts,
    credible_set,
    effective_counts,
    frontier_posterior,
    isotonic,
    next_level,
    violation,
)
from tests.pipelines.budget.simulation import Simulated, simulate

LEVELS, EACH = 10, 16


def searched(budget: Frontier, rate_of: dict[int, float], seed: int) -> Simulated:
    """Levels 1 to 10 with 16 problems each, whose rates vary about the level's."""
    rng = random.Random(seed)
    subjects = {
        f"{level:02}-{n:02}": SimulatedProblem(f"{level:02}-{n:02}", level) for level in rate_of for n in range(EACH)
    }
    means = {key: rate_of[one.level or 0] for key, one in subjects.items()}
    rates = {key: rng.betavariate(20 * mean, 20 - 20 * mean) for key, mean in means.items()}
    return simulate(budget, rates, seed, subjects=subjects)


def falling(frontier: float) -> dict[int, float]:
    """Pass rates that cross one half between two levels."""
    return {level: 1 / (1 + math.exp(level - frontier)) for level in range(1, LEVELS + 1)}


def sweep(rate_of: dict[int, float], seed: int, most: int = 256) -> int:
    """Draws that all levels together need, drawn equally often, until one level holds 90% (or each has `most`)."""
    rng, correct = random.Random(seed), [0] * LEVELS
    for judged in range(1, most + 1):
        correct = [hits + (rng.random() < rate_of[level]) for level, hits in enumerate(correct, 1)]
        if max(frontier_posterior([LevelCounts(judged, hits) for hits in correct], 0.5)) >= 0.9:
            return judged * LEVELS
    return most * LEVELS


@pytest.mark.integration
def test_the_frontier_lies_in_its_interval_as_often_as_is_said_with_fewer_draws_than_a_sweep() -> None:
    runs, inside, exact, drawn, swept = 18, 0, 0, 0, 0
    for seed in range(runs):
        truth = seed % (LEVELS - 1) + 1
        result = searched(Frontier(confidence=0.9), falling(truth + 0.5), seed)
        found = result.stops["01-00"].evidence
        low, high = (int(str(found[end]).replace("none", "0")) for end in ("low", "high"))
        inside += low <= truth <= high
        exact += found["frontier"] == str(truth)
        drawn += sum(result.drawn.values())
        swept += sweep(falling(truth + 0.5), seed)
    assert inside >= 0.9 * runs
    assert exact >= 0.8 * runs
    assert drawn < 0.6 * swept


def test_only_levels_that_were_probed_are_drawn_and_every_problem_is_told_the_result() -> None:
    result = searched(Frontier(), {level: 0.97 if level <= 3 else 0.03 for level in range(1, LEVELS + 1)}, 1)
    levels = {int(key[:2]) for key, count in result.drawn.items() if count}
    assert len(levels) < LEVELS / 2
    assert set(result.reasons.values()) == {"frontier"}
    evidence = result.stops["09-00"].evidence
    assert (evidence["frontier"], evidence["low"], evidence["high"]) == ("3", "3", "3")
    assert evidence["drawn"] == sum(result.drawn.values())


def test_a_model_that_passes_nothing_or_everything() -> None:
    assert searched(Frontier(), dict.fromkeys(range(1, 6), 0.02), 1).stops["01-00"].evidence["frontier"] == "none"
    assert searched(Frontier(), dict.fromkeys(range(1, 6), 0.98), 1).stops["01-00"].evidence["frontier"] == "5"


def test_draws_of_a_level_are_spread_over_its_problems() -> None:
    tallies = [Tally(f"p{n}", level=1) for n in range(20)]
    plan = Frontier(probe=8).plan(0, tallies)
    assert sorted(draw.count for draw in plan.draws) == [1] * 8
    assert Frontier(probe=8).plan(0, tallies[::-1]) == plan


def test_rates_that_rise_with_the_level_are_reported() -> None:
    wrong_order = [LevelCounts(20, 6), LevelCounts(20, 14), LevelCounts(0, 0), LevelCounts(20, 2)]
    assert isotonic(wrong_order) == [0.5, 0.5, None, 0.1]
    assert violation(wrong_order) == pytest.approx(0.2)
    assert violation([LevelCounts(10, 9), LevelCounts(10, 2)]) == 0.0


def test_the_posterior_of_one_probe_is_the_mean_of_its_integrals() -> None:
    """8 of 8 correct, value 1/2, one level: uniform on the nearest 1, 1/2, ... 1/32 of the way to 1, or to 0."""
    ways = [0.5**n / 2 for n in range(6)]
    passes = sum(integrate.quad(lambda p: p**8, 0.5, 0.5 + way)[0] / way for way in ways)
    fails = sum(integrate.quad(lambda p: p**8, 0.5 - way, 0.5)[0] / way for way in ways)
    posterior = frontier_posterior([LevelCounts(8, 8)], 0.5)
    assert posterior == pytest.approx([fails / (passes + fails), passes / (passes + fails)], abs=1e-6)
    assert frontier_posterior([LevelCounts(0, 0)] * 3, 0.5) == pytest.approx([0.25] * 4)


def test_draws_of_the_same_problems_are_worth_less() -> None:
    once = [[(1, n % 2) for n in range(16)], [(0, 0)] * 16]
    assert effective_counts(once) == [LevelCounts(16, 8), LevelCounts(0, 0)]
    alike, mixed = [[(8, 8 * (n % 2)) for n in range(4)]], [[(8, 4)] * 4]
    assert effective_counts(alike)[0].judged < 6 < 25 < effective_counts(mixed)[0].judged
    assert effective_counts(alike)[0].correct == pytest.approx(effective_counts(alike)[0].judged / 2)


@pytest.mark.parametrize(("slope", "strength"), [(0.25, 20), (0.25, 4), (0.12, 20), (0.12, 4)])
def test_rates_that_fall_slowly_leave_the_frontier_open(slope: float, strength: float) -> None:
    """10 levels of 16 problems, 2 to 8 draws each: certainty would be too early. benchmarks/budgets/frontier.py searches
    whole.
    """
    rng, held, repeats = np.random.default_rng(2), 0, 200
    levels = np.arange(1, 11)
    for number in range(repeats):
        truth = number % 9 + 1
        means = 1 / (1 + np.exp(slope * (levels - truth - 0.5)))[:, None]
        draws = [2, 4, 8][number % 3]
        correct = rng.binomial(draws, rng.beta(strength * means, strength * (1 - means), (10, 16)))
        counts = effective_counts([[(draws, int(c)) for c in level] for level in correct])
        low, high = credible_set(frontier_posterior(counts, 0.5), 0.9)
        held += low <= truth <= high
    assert held / repeats >= 0.86  # .9 less two deviations of the count


def test_the_next_probe_halves_the_posterior() -> None:
    assert next_level([0.2] * 5, range(4)) == 1
    assert next_level([0.0, 0.0, 0.5, 0.5], range(3)) == 2
    assert credible_set([0.05, 0.15, 0.7, 0.1], 0.8) == (1, 2)


def test_a_limited_total_is_spent_and_no_more() -> None:
    result = searched(Frontier(total=20, confidence=0.99), falling(5.5), 2)
    assert sum(result.drawn.values()) <= 20
    assert set(result.reasons.values()) == {"frontier"}


def test_problems_need_levels() -> None:
    with pytest.raises(SetupError, match="searches over levels, and no problem of the recipe has one"):
        Frontier().plan(0, [Tally("a")])
    with pytest.raises(SetupError, match="option 'value' must be between 0 and 1"):
        Frontier(value=1.0)
