"""Paired differences: by hand, by coverage, and never certain without a reason."""

import random

from pipelines.stats import paired_difference


def test_by_hand() -> None:
    found = paired_difference([0.5, 0.5, 1.0, 0.0], [1.0, 0.5, 0.5, 1.0])
    # Differences .5, 0, -.5, 1: mean .25, deviation .6455, t(3) = 3.1824.
    assert found is not None
    assert (found.value, found.n, found.clusters, found.method) == (0.25, 4, 4, "paired cluster t")
    assert (round(found.low, 4), round(found.high, 4)) == (-0.7771, 1.0)


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
