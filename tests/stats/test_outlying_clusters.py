"""Few clusters that carry most of the variation: by hand, under normal effects, and where there are bad ones."""

from collections.abc import Sequence

import numpy as np
import pytest

from rollmill.stats import outlying_clusters

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def named(effects: Sequence[float], sizes: Sequence[int], noise: Array) -> bool:
    values = np.repeat(effects, sizes) + noise
    return outlying_clusters(values.tolist(), np.repeat(np.arange(len(sizes)), sizes).tolist()) is not None


def test_one_bad_template_of_twenty_is_named_with_its_share() -> None:
    values = [0.9, 0.7] * 19 + [0.1, 0.1]
    clusters = [f"t{at}" for at in range(20) for _ in range(2)]
    outlying = outlying_clusters(values, clusters)
    assert outlying is not None
    assert outlying.names == ("t19",)
    assert (outlying.mean, outlying.others) == pytest.approx((0.1, 0.8))
    mean = (19 * 1.6 + 0.2) / 40
    assert outlying.share == pytest.approx((0.2 - 2 * mean) ** 2 / ((0.2 - 2 * mean) ** 2 + 19 * (1.6 - 2 * mean) ** 2))
    assert outlying.note() == "cluster t19 carries 95% of the variation between clusters (0.100, all others 0.800)"


def test_two_of_twenty_are_named_and_three_are_too_many() -> None:
    def values(bad: int) -> list[float]:
        return [0.1] * 2 * bad + [0.8, 1.0] * (20 - bad)

    clusters = [at for at in range(20) for _ in range(2)]
    two = outlying_clusters(values(2), clusters)
    assert two is not None
    assert two.names == (0, 1)
    assert outlying_clusters(values(3), clusters) is None


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        ([1.0] * 40, [at // 2 for at in range(40)]),  # nothing varies
        ([0.0] * 2 + [1.0] * 16, [at // 2 for at in range(18)]),  # nine clusters
        ([0.0] + [1.0] * 29, list(range(30))),  # single problems
        ([0.0] * 2 + [1.0] * 38, [None] * 40),  # no templates
        ([0.0] * 20 + [1.0] * 38, [0] * 20 + [1 + at // 2 for at in range(38)]),  # a large one
    ],
)
def test_where_nothing_can_be_said_nothing_is(values: list[float], clusters: list[int]) -> None:
    assert outlying_clusters(values, clusters) is None


@pytest.mark.integration
@pytest.mark.parametrize("clusters", [10, 12, 20, 30, 40])
@pytest.mark.parametrize("sizes", ["even", "uneven"])
def test_normal_effects_are_rarely_named(clusters: int, sizes: str) -> None:
    rng = np.random.default_rng(clusters)
    counts = [5] * clusters if sizes == "even" else [2 + 2 * at for at in range(clusters)]
    alarms = [named(rng.normal(size=clusters).tolist(), counts, 0.5 * rng.normal(size=sum(counts))) for _ in range(1_500)]
    assert np.mean(alarms) <= 0.025


@pytest.mark.parametrize("clusters", [20, 30, 40])
def test_a_bad_cluster_that_was_met_is_named(clusters: int) -> None:
    """One in twenty at .1, the others at .9, twenty problems each."""
    rng = np.random.default_rng(clusters)
    hits, met = [], 0
    for _ in range(300):
        bad = rng.random(clusters) < 0.05
        if 0 < bad.sum() <= clusters // 10:
            met += 1
            right = rng.random((clusters, 20)) < np.where(bad, 0.1, 0.9)[:, None]
            outlying = outlying_clusters(right.astype(float).ravel().tolist(), np.repeat(np.arange(clusters), 20).tolist())
            hits.append(outlying is not None and set(outlying.names) <= set(np.flatnonzero(bad).tolist()))
    assert met > 100
    assert np.mean(hits) > 0.95
