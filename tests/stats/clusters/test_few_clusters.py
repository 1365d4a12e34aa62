"""The posterior of a mean over few clusters: against a finer sum over another grid, and what it depends on."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from rollmill.stats.clusters.few_clusters import posterior_bounds


def by_sums(counts: Sequence[int], sizes: Sequence[int], confidence: float) -> tuple[float, float]:
    """Of whole counts, with scipy's beta-binomial on 999 means and 100 correlations."""
    means, correlations = np.arange(1, 1000) / 1000, (np.arange(100) + 0.5) / 100
    likelihood = np.zeros(len(means))
    for correlation in correlations[(correlations > 1 / 131) & (correlations < 1 / 1.23)]:  # the cells of the other grid
        alike = 1 / correlation - 1
        likelihood += np.prod(
            [stats.betabinom.pmf(c, n, means * alike, (1 - means) * alike) for c, n in zip(counts, sizes, strict=True)],
            axis=0,
        )
    ends = (likelihood * stats.beta.pdf(means, 0.5, 0.5)).cumsum()
    tail = (1 - confidence) / 2
    low, high = np.interp([tail, 1 - tail], ends / ends[-1], means)
    return float(low), float(high)


@pytest.mark.parametrize(
    ("counts", "sizes"), [([6, 10, 9], [20, 20, 20]), ([1, 0], [30, 30]), ([4, 4, 5, 1], [5, 5, 5, 5]), ([50, 3], [60, 30])]
)
@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_it_is_the_posterior_of_a_beta_binomial(counts: list[int], sizes: list[int], confidence: float) -> None:
    low, high = posterior_bounds(np.array(counts, float)[:, None], np.array(sizes, float), confidence)
    assert (low[0], high[0]) == pytest.approx(by_sums(counts, sizes, confidence), abs=0.012)


def test_columns_are_each_their_own_and_right_and_wrong_are_mirror_images() -> None:
    totals, sizes = np.array([[3.5, 0.25], [4.0, 1.0], [9.125, 0.5]]), np.array([5.0, 5.0, 10.0])
    low, high = posterior_bounds(totals, sizes, 0.95)
    for column in range(2):
        alone = posterior_bounds(totals[:, [column]], sizes, 0.95)
        assert (alone[0][0], alone[1][0]) == pytest.approx((low[column], high[column]))
    mirrored = posterior_bounds(sizes[:, None] - totals, sizes, 0.95)
    assert mirrored[0] == pytest.approx(1 - high)
    assert mirrored[1] == pytest.approx(1 - low)


def test_clusters_that_differ_and_fewer_clusters_say_less() -> None:
    def width(counts: Sequence[float]) -> float:
        low, high = posterior_bounds(np.array(counts)[:, None], np.full(len(counts), 20.0), 0.95)
        return float(high[0] - low[0])

    assert width([10.0] * 4) < 0.7 * width([2.0, 18.0, 4.0, 16.0])
    assert width([10.0] * 6) < width([10.0] * 4) < width([10.0] * 2)


def test_large_sums_leave_the_spread_between_clusters() -> None:
    """Of sums that are weights, a million each: the noise inside clusters is gone, no number overflows."""
    low, high = posterior_bounds(np.array([[4e5], [6e5], [5e5]]), np.full(3, 1e6), 0.95)
    assert 0.2 < low[0] < 0.42
    assert high[0] == pytest.approx(1 - low[0], abs=1e-6)
