"""Intervals of proportions: against exact sums, scipy and simulation, over stratified samples and sums of parts."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from rollmill.stats import (
    StratumSample,
    beta_probability,
    beta_quantile,
    clopper_pearson,
    sampled_share,
    t_quantile,
)
from rollmill.stats.clusters.intervals import mover_ratio, mover_sum


@pytest.mark.parametrize(("events", "n"), [(0, 30), (1, 30), (7, 30), (30, 30), (3, 300)])
def test_one_stratum_of_a_large_whole_is_clopper_pearson(events: int, n: int) -> None:
    found = sampled_share([StratumSample(10**9, [1.0] * events + [0.0] * (n - events))], 10**9, estimand="x")
    exact = clopper_pearson(events, n)
    assert found is not None
    assert exact is not None
    assert (found.value, found.low, found.high) == pytest.approx((exact.value, exact.low, exact.high), abs=1e-6)


def test_the_point_is_unbiased_over_every_possible_sample() -> None:
    """Two strata of five and four members, samples of two each: the mean over all 60 samples is the truth."""
    first, second = [1.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.5, 0.0]
    estimates = []
    for one in itertools.combinations(first, 2):
        for other in itertools.combinations(second, 2):
            found = sampled_share([StratumSample(5, one), StratumSample(4, other, 0.5)], 9.0, estimand="x")
            assert found is not None
            estimates.append(found.value)
    assert len(estimates) == 60
    assert math.fsum(estimates) / 60 == pytest.approx(2.5 / 9)


def test_no_event_is_never_an_interval_without_width() -> None:
    found = sampled_share([StratumSample(60_000, [0.0] * 120), StratumSample(40_000, [0.0] * 180)], 100_000, estimand="x")
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.69 * 0.6 / 120, rel=0.03)  # the rule of three at the larger weight


def test_a_whole_that_was_seen_leaves_no_doubt() -> None:
    found = sampled_share([StratumSample(3, [1.0, 0.0, 0.0])], 3, estimand="x")
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((1 / 3,) * 3)


def test_a_stratum_without_a_sampled_member_leaves_it_undefined() -> None:
    assert sampled_share([StratumSample(10, [0.0]), StratumSample(5, [])], 15, estimand="x") is None
    assert sampled_share([], 0, estimand="x") is None
    assert sampled_share([StratumSample(10, [0.0]), StratumSample(0, [])], 10, estimand="x") is not None


@pytest.mark.parametrize(
    "strata",  # (size, sampled, events in all of it)
    [
        [(100_000, 300, 1000)],
        [(60_000, 120, 600), (40_000, 180, 4000)],
        [(60_000, 120, 60), (1000, 60, 300), (2000, 60, 10), (500, 60, 100)],
        [(5000, 15, 2500)] * 20,
        [(5000, 15, 5)] * 20,
        [(50_000, 5, 48_000), (50_000, 5, 1000)],
        [(30, 20, 1), (40, 20, 1), (500, 60, 1)],
        [(50, 2, 5)] * 30 + [(5000, 100, 100)],
    ],
)
def test_the_interval_covers_rare_and_common_events(strata: list[tuple[int, int, int]]) -> None:
    rng = np.random.default_rng(11)
    whole = sum(size for size, _, _ in strata)
    truth = sum(events for _, _, events in strata) / whole
    held = 0
    for _ in range(400):
        drawn = [(size, n, int(rng.hypergeometric(k, size - k, n))) for size, n, k in strata]
        cells = [StratumSample(size, [1.0] * x + [0.0] * (n - x)) for size, n, x in drawn]
        found = sampled_share(cells, whole, estimand="x")
        assert found is not None
        held += found.low <= truth <= found.high
    assert held / 400 >= 0.93


@pytest.mark.parametrize("where", ["anywhere", "heavy"])
def test_unequal_weights_are_covered_also_where_the_heavy_ones_err(where: str) -> None:
    """Problems of 1 to 16 rollouts weigh the same, so a rollout weighs up to six times the mean."""
    rng = np.random.default_rng(2)
    sizes = rng.choice([1, 2, 4, 8, 16], 600)
    weights = np.repeat(1 / sizes, sizes) / 600
    heavy = weights >= np.quantile(weights, 0.8)
    chance = np.full(len(weights), 0.01) if where == "anywhere" else np.where(heavy, 0.04, 0.0025)
    unit, held = float((weights**2).sum() / weights.sum()), 0
    for _ in range(300):
        values = weights * (rng.random(len(weights)) < chance)
        chosen = rng.choice(len(weights), 150, replace=False)
        found = sampled_share([StratumSample(len(weights), values[chosen].tolist(), unit)], 1.0, estimand="x")
        assert found is not None
        held += found.low <= values.sum() <= found.high
    assert held / 300 >= 0.95


def test_symmetric_parts_add_their_squares() -> None:
    assert mover_sum([(1.0, (5.0, 2.0, 8.0)), (-1.0, (1.0, -3.0, 5.0))]) == pytest.approx((4.0, -1.0, 9.0))
    assert mover_sum([(2.0, (1.0, 0.5, 3.0))]) == pytest.approx((2.0, 1.0, 6.0))


def test_a_known_part_shifts_and_adds_no_width() -> None:
    assert mover_sum([(1.0, (0.5, 0.5, 0.5)), (-1.0, (0.0, 0.0, 0.02))]) == pytest.approx((0.5, 0.48, 0.5))


def test_a_ratio_by_a_known_number_is_a_scaling() -> None:
    assert mover_ratio((0.2, 0.1, 0.4), (2.0, 2.0, 2.0)) == pytest.approx((0.1, 0.05, 0.2))


def test_a_ratio_without_events_starts_at_zero_and_has_width() -> None:
    found = mover_ratio((0.0, 0.0, 0.03), (0.5, 0.45, 0.55))
    assert found is not None
    assert found[:2] == (0.0, 0.0)
    assert 0.03 / 0.55 < found[2] < 0.03 / 0.45


def test_a_ratio_by_what_may_be_nothing_has_no_upper_end() -> None:
    assert mover_ratio((0.1, 0.0, 0.2), (0.0, 0.0, 0.1)) is None
    found = mover_ratio((0.1, 0.05, 0.2), (0.1, 0.0, 0.2))
    assert found is not None
    assert found[2] == float("inf")


def test_the_ratio_of_two_proportions_is_covered() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        top, bottom = clopper_pearson(int(rng.binomial(150, 0.03)), 150), clopper_pearson(int(rng.binomial(150, 0.6)), 150)
        assert top is not None
        assert bottom is not None
        found = mover_ratio(*((one.value, one.low, one.high) for one in (top, bottom)))
        assert found is not None
        held += found[1] <= 0.05 <= found[2]
    assert held / 500 >= 0.94


def test_quantiles_are_those_of_the_tables() -> None:
    assert t_quantile(0.975, 10) == pytest.approx(2.228139, abs=1e-6)
    assert t_quantile(0.95, 2.5) == pytest.approx(2.5582, abs=1e-4)
    assert t_quantile(0.5, 3) == 0.0
    assert beta_quantile(0.5, 2, 2) == pytest.approx(0.5)
    assert beta_quantile(0.025, 1, 100) == pytest.approx(1 - 0.975 ** (1 / 100))
    assert (beta_quantile(0.0, 2, 3), beta_quantile(1.0, 2, 3)) == (0.0, 1.0)


def test_no_command_pays_for_scipy_before_it_asks_for_a_quantile() -> None:
    code = "import sys, rollmill.stats; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_beta_probability_is_the_inverse_of_its_quantile() -> None:
    assert beta_probability(0.3, 1.0, 1.0) == pytest.approx(0.3)
    assert beta_probability(beta_quantile(0.2, 3.0, 7.5), 3.0, 7.5) == pytest.approx(0.2)
