"""The ratio of sums: by hand, against simulated populations, and where it is not defined."""

import math
import random

import pytest

from benchmarks.budgets.budget_tables import ratio_of_sums


def test_by_hand() -> None:
    found = ratio_of_sums([1.0, 3.0, 2.0], [4.0, 4.0, 4.0])
    assert found is not None
    # residuals -1, 1, 0: sd of the sum sqrt(3/2 * 2) = 1.732, over 12, times t(.975, 2) = 4.303
    assert found.value == pytest.approx(0.5)
    assert found.high - found.value == pytest.approx(4.302653 * math.sqrt(3.0) / 12.0, rel=1e-5)
    assert found.low == 0.0  # half the width is .62: cut where no ratio of such sums can be
    assert (found.n, found.clusters, found.method) == (3, 3, "cluster t of a ratio")


def test_clusters_are_taken_whole() -> None:
    alone = ratio_of_sums([1.0, 1.0, 3.0, 3.0], [4.0] * 4, ["a", "a", "b", "b"])
    pairs = ratio_of_sums([2.0, 6.0], [8.0, 8.0])
    assert alone is not None
    assert pairs is not None
    assert (alone.low, alone.high) == pytest.approx((pairs.low, pairs.high))


def test_one_cluster_has_no_interval_and_nothing_has_no_ratio() -> None:
    one = ratio_of_sums([1.0, 2.0], [2.0, 2.0], ["a", "a"])
    assert one is not None
    assert (one.value, one.low, one.high) == (0.75, 0.0, math.inf)
    assert ratio_of_sums([], []) is None
    assert ratio_of_sums([0.0], [0.0]) is None


def test_it_covers_the_ratio_of_the_population() -> None:
    """400 samples of 18 clusters: 95% intervals hold the true ratio in 92% to 98% of them."""
    rng = random.Random(3)
    held = 0
    for _ in range(400):
        above, below, names = [], [], []
        for cluster in range(18):
            size, share = rng.uniform(5.0, 15.0), rng.uniform(0.2, 0.6)
            for _ in range(6):
                below.append(size * rng.uniform(0.5, 1.5))
                above.append(below[-1] * share * rng.uniform(0.8, 1.2))
                names.append(cluster)
        found = ratio_of_sums(above, below, names)
        assert found is not None
        held += found.low <= 0.4 <= found.high
    assert 0.92 * 400 <= held <= 0.98 * 400
