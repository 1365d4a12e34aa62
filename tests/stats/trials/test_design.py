"""Designs by hand, components that a pilot finds again, and what limits allow."""

import math

import numpy as np
import pytest

from rollmill.stats import (
    Choices,
    Design,
    Expense,
    VarianceComponents,
    arm_components,
    designs,
    pair_components,
    reach,
)

PARTS = VarianceComponents(problems=0.24, seeds=0.0005, rest=0.2, samples=0.16)
TRAINING, COMPLETION = Expense(24.0, 60_000.0), Expense(0.005, 60.0)


def one_design(seeds: int, problems: int, samples: int, parts: VarianceComponents = PARTS) -> Design:
    (found,) = designs(parts, Choices([seeds], [problems], [samples]), training=TRAINING, completion=COMPLETION)
    return found


def test_a_design_by_hand() -> None:
    """V_E = .24/1200 = .0002, V_P = .001 + .0002, V_S = .0001 + .0002, V = .0013; df = V^2 / (V_S^2/4 + V_P^2/239)."""
    found = one_design(5, 240, 4)
    assert found.error == pytest.approx(math.sqrt(0.0013))
    assert found.degrees == pytest.approx(0.0013**2 / (0.0003**2 / 4 + 0.0012**2 / 239))
    assert found.detectable == pytest.approx((2.000822 + 0.847730) * math.sqrt(0.0013), abs=1e-6)
    assert found.expense == Expense(10 * (24.0 + 960 * 0.005), 10 * (60_000.0 + 960 * 60.0))


def test_a_design_has_its_power_at_what_it_detects() -> None:
    found = one_design(5, 240, 4)
    assert found.power(found.detectable) == pytest.approx(0.8)
    assert found.power(-found.detectable) == pytest.approx(0.8)
    assert 0.02 < found.power(0.0) < 0.03  # of one side
    none = one_design(3, 10, 1, VarianceComponents(0.0, 0.0, 0.0, 0.0))
    assert (none.detectable, none.power(0.01), none.power(0.0)) == (0.0, 1.0, 0.0)


def test_more_of_anything_shows_less_and_costs_more() -> None:
    table = designs(PARTS, Choices([3, 5, 8], [100, 1000], [1, 16]), training=TRAINING, completion=COMPLETION)
    assert len(table) == 12
    for one in table:
        for other in table:
            more = (other.seeds >= one.seeds, other.problems >= one.problems, other.samples >= one.samples)
            if all(more) and other != one:
                assert other.detectable < one.detectable
                assert other.expense.seconds > one.expense.seconds


def test_several_arms_cost_more_and_test_at_a_smaller_level() -> None:
    two, three = (
        designs(PARTS, Choices([5], [240], [4]), training=TRAINING, completion=COMPLETION, arms=arms, level=level)[0]
        for arms, level in ((2, 0.05), (3, 0.05 / 3))
    )
    assert three.expense.seconds == pytest.approx(1.5 * two.expense.seconds)
    assert three.detectable > 1.1 * two.detectable


def test_the_cheapest_that_shows_enough_is_found_and_limits_hold() -> None:
    table = designs(PARTS, Choices([3, 5, 8], [240, 1000, 4000], [1, 4]), training=TRAINING, completion=COMPLETION)
    found = reach(table, 0.06, Expense(1e9, 1e9))
    assert found.cheapest is not None
    assert found.cheapest.detectable <= 0.06
    assert all(one.expense.seconds >= found.cheapest.expense.seconds for one in table if one.detectable <= 0.06)
    poor = reach(table, 0.06, Expense(200.0, 1e9))
    assert poor.cheapest is None
    assert poor.most_sensitive is not None
    assert poor.most_sensitive.expense.seconds <= 200.0
    assert all(one.detectable >= poor.most_sensitive.detectable for one in table if one.expense.seconds <= 200.0)
    nothing = reach(table, 0.06, Expense(1e9, 1.0), by="tokens")
    assert (nothing.cheapest, nothing.most_sensitive) == (None, None)


@pytest.mark.parametrize(
    ("choices", "level", "words"),
    [
        (Choices([2, 5], [240], [4]), 0.05, "2 seeds: an interval over seeds has at least 3"),
        (Choices([3], [1], [4]), 0.05, "at least two problems"),
        (Choices([3], [10], [0]), 0.05, "one sample"),
        (Choices([3], [10], [1]), 0.0, "a level"),
    ],
)
def test_designs_that_are_none_are_refused(choices: Choices, level: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        designs(PARTS, choices, training=TRAINING, completion=COMPLETION, level=level)
    with pytest.raises(ValueError, match="above 0, got 0"):
        reach([], 0.0, Expense())


def planted(seeds: int, problems: int, rng: np.random.Generator) -> np.ndarray:
    """d(s, i) with the variances .04, .01, .09 and 4 samples of variance .16."""
    rest = rng.normal(0, math.sqrt(0.09 + 0.16 / 4), (seeds, problems))
    return np.asarray(rng.normal(0, 0.2, problems) + rng.normal(0, 0.1, (seeds, 1)) + rest)


def test_components_by_hand() -> None:
    """V_P = .04, V_S = .16/3 and V_E = .01/3 of three seeds and two problems; 1 / -log(.8) is the 80% limit's factor."""
    cells = [[0.4, 0.6], [-0.2, 0.4], [-0.5, -0.1]]
    found = pair_components(cells, within=0.04, samples=4)
    assert (found.problems, found.seeds) == pytest.approx((2 * (0.04 - 0.01 / 3), 0.16 - 0.01))
    assert (found.rest, found.samples) == pytest.approx((0.02 - 0.01, 0.04))
    limit = pair_components(cells, within=0.04, samples=4, cautious=0.8)
    assert limit.seeds == pytest.approx(0.16 / -math.log(0.8) - 0.01)
    assert (limit.problems, limit.rest) == (found.problems, found.rest)


def test_a_pilot_finds_its_components() -> None:
    cells = planted(400, 500, np.random.default_rng(1))
    found = pair_components(cells, within=0.16, samples=4)
    assert (found.problems, found.seeds, found.rest, found.samples) == pytest.approx((0.04, 0.01, 0.09, 0.16), rel=0.15)
    grouped = pair_components(np.repeat(cells, 2, axis=1), within=0.16, samples=4, clusters=[n // 2 for n in range(1000)])
    assert (grouped.problems, grouped.seeds, grouped.rest) == pytest.approx((found.problems, found.seeds, found.rest))


def test_one_arm_differs_from_itself_by_twice_its_variance() -> None:
    cells = planted(400, 500, np.random.default_rng(2))
    found = arm_components(cells, within=0.16, samples=4)
    assert (found.problems, found.seeds, found.rest, found.samples) == pytest.approx((0.18, 0.02, 0.18, 0.32), rel=0.15)
    assert arm_components(cells, within=0.16, samples=4, problems=0.3).problems == 0.3


def test_a_cautious_plan_holds_the_seeds_variance_in_four_of_five_pilots() -> None:
    rng = np.random.default_rng(3)
    pilots = [planted(3, 200, rng) for _ in range(300)]
    held = {
        cautious: np.mean([pair_components(one, within=0.16, samples=4, cautious=cautious).seeds >= 0.01 for one in pilots])
        for cautious in (None, 0.8)
    }
    assert held[None] < 0.45
    assert 0.74 < held[0.8] < 0.86


@pytest.mark.parametrize(
    ("cells", "samples", "cautious", "words"),
    [
        ([[0.1, 0.2]], 4, None, "at least two seeds"),
        ([], 4, None, "at least two seeds"),
        ([[0.1], [0.2]], 4, None, "at least two problems"),
        ([[0.1, 0.2], [0.2, 0.1]], 0, None, "samples 0"),
        ([[0.1, 0.2], [0.2, 0.1]], 1, 0.2, "an upper limit"),
        ([[0.1, math.nan], [0.2, 0.1]], 1, None, "missing"),
    ],
)
def test_pilots_that_say_nothing_are_refused(cells: object, samples: int, cautious: float | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pair_components(cells, within=0.1, samples=samples, cautious=cautious)  # type: ignore[arg-type]
