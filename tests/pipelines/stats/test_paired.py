"""Paired differences: by hand, by coverage, and never certain without a reason."""

import random

import numpy as np
import pytest

from pipelines.stats import paired_difference, population_mean


def test_by_hand() -> None:
    found = paired_difference([0.5, 0.5, 1.0, 0.0], [1.0, 0.5, 0.5, 1.0])
    # Differences .5, 0, -.5, 1 as (1 + d) / 2: .75, .5, .25, 1, whose interval is that of a mean in [0, 1].
    whole = population_mean([0.75, 0.5, 0.25, 1.0])
    assert found is not None
    assert whole is not None
    assert (found.value, found.n, found.clusters) == (0.25, 4, 4)
    assert (found.low, found.high) == (pytest.approx(2 * whole.low - 1), pytest.approx(2 * whole.high - 1))
    assert found.method == "paired, cluster t on the logit scale"


def test_every_cluster_changed_alike_is_not_certainty() -> None:
    tied, all_of_it = paired_difference([0.5] * 20, [0.625] * 20), paired_difference([0.0] * 20, [1.0] * 20)
    assert tied is not None
    assert all_of_it is not None
    assert (tied.value, tied.method) == (0.125, "paired, Hoeffding over clusters that tie")
    assert (all_of_it.value, all_of_it.high) == (1.0, 1.0)
    assert all_of_it.low == pytest.approx(2 * 0.025 ** (1 / 20) - 1)
    assert tied.high - tied.low > 0.5


def test_changes_that_gather_in_few_templates_are_covered() -> None:
    """A tenth of 40 templates change in about a third of their rollouts; the plain cluster t covers .67 here."""
    rng, covered = np.random.default_rng(3), 0
    sizes = np.maximum(1, 60 // np.arange(1, 41))
    names = np.repeat(np.arange(40), sizes).tolist()
    for _ in range(200):
        rates = np.where(rng.random(40) < 0.1, rng.beta(0.9, 2.1, 40), 0.0)
        after = (rng.binomial(8, np.repeat(rates, sizes)) / 8).tolist()
        found = paired_difference([0.0] * len(after), after, names)
        assert found is not None
        covered += found.low <= 0.03 <= found.high
    assert covered / 200 >= 0.93


def test_problems_of_one_template_are_one_observation() -> None:
    apart = paired_difference([0.0] * 8, [1.0, 0.0] * 4)
    together = paired_difference([0.0] * 8, [1.0, 0.0] * 4, ["a", "b"] * 4)
    assert apart is not None
    assert together is not None
    assert together.high - together.low > apart.high - apart.low


def test_no_change_is_not_certainty() -> None:
    found = paired_difference([0.5] * 20, [0.5] * 20)
    assert found is not None
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (0.0, -0.1684, 0.1684)
    assert paired_difference([], []) is None
    one = paired_difference([0.0, 0.0], [1.0, 0.0], ["a", "a"])
    assert one is not None
    assert (one.low, one.high) == (-1.0, 1.0)


def test_the_interval_covers_its_truth() -> None:
    rng, covered = random.Random(8), 0
    for _ in range(400):
        values = [(rng.random() < 0.4, rng.random() < 0.5) for _ in range(60)]
        found = paired_difference([float(a) for a, _ in values], [float(b) for _, b in values])
        assert found is not None
        covered += found.low <= 0.1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98
