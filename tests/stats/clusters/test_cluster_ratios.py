"""Shares and ratios over clusters: by hand, without spread, and the coverage of their intervals."""

import math

import numpy as np
import pytest
from scipy import stats

from rollmill.stats.clusters.cluster_ratios import cluster_mean, cluster_ratio, cluster_share
from tests.known import known


def test_a_mean_without_bounds_has_the_t_interval_of_its_clusters() -> None:
    values = [1.0, 4.0, -2.0, 8.0]
    found = cluster_mean(values, estimand="score")
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2.75, low, high))
    for rows, names in (([2.0, 2.0], None), ([1.0, 9.0], ["a", "a"])):
        none = cluster_mean(rows, names, estimand="score")
        assert none is not None
        assert (none.low, none.high) == (-math.inf, math.inf)
    assert cluster_mean([], estimand="score") is None


def test_the_compositional_gap_by_hand() -> None:
    """Both parts right with chances .5, 1 and 0; the whole question right with .5, .25 and 1."""
    parts = [0.5, 1.0, 0.0]
    gap = cluster_share([0.5 * 0.5, 1.0 * 0.75, 0.0], parts, estimand="gap")
    assert gap is not None
    assert gap.value == pytest.approx(1.0 / 1.5)
    assert gap.low < gap.value < gap.high
    assert (gap.n, gap.clusters) == (3, 2)  # who never has all parts right says nothing
    assert cluster_share([0.0], [0.0], estimand="gap") is None
    every = cluster_share([0.0, 0.0], [1.0, 1.0], estimand="gap")
    assert every is not None
    assert (every.value, every.low) == (0.0, 0.0)
    assert every.high > 0.5


def test_a_ratio_without_spread_or_with_one_cluster_has_no_interval() -> None:
    for above, names in (([30.0, 30.0], None), ([30.0, 60.0], ["a", "a"])):
        found = cluster_ratio(above, [1.0, 1.0], names, estimand="tokens")
        assert found is not None
        assert (found.low, found.high) == (0.0, math.inf)
    assert cluster_ratio([10.0], [0.0], estimand="tokens") is None


def test_tokens_per_correct_answer_is_covered_over_templates() -> None:
    rng, held, naive = np.random.default_rng(1), 0, 0
    centres = rng.beta(2, 2, size=200_000)
    truth = float(np.mean(100 * (1 + centres)) / np.mean(centres))
    for _ in range(400):
        rate = np.repeat(rng.beta(2, 2, size=30), 4)
        correct, tokens = rng.binomial(8, rate) / 8, rng.normal(100 * (1 + rate), 10)
        above, below = tokens.tolist(), correct.tolist()
        mine = known(cluster_ratio(above, below, np.repeat(np.arange(30), 4).tolist(), estimand="e"))
        alone = known(cluster_ratio(above, below, estimand="e"))
        held += mine.low <= truth <= mine.high
        naive += alone.low <= truth <= alone.high
    assert 0.92 <= held / 400 <= 0.985
    assert naive / 400 < 0.85
