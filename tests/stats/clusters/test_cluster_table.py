"""Many means at once: the intervals of `population_mean`, the bootstrap by hand, and the band of a curve."""

import numpy as np
import pytest

from rollmill.stats import pass_at_k, population_mean
from rollmill.stats.clusters.cluster_table import cluster_table
from rollmill.stats.draws.subsets import pass_at_ks


@pytest.mark.parametrize("seed", range(12))
def test_every_column_has_the_interval_of_one_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problems, clusters = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    values = rng.binomial(4, rng.beta(0.6, 0.9, size=(problems, 5))) / 4
    values[:, 3], values[:, 4] = 1.0, 0.25
    names = [None if name == 0 else int(name) for name in rng.integers(0, clusters, size=problems)]
    found = cluster_table(values, names).estimates(["e"] * 5)
    for column, mine in enumerate(found):
        one = population_mean(values[:, column].tolist(), names, estimand="e")
        assert one is not None
        assert (mine.n, mine.clusters, mine.method) == (one.n, one.clusters, one.method)
        assert (mine.value, mine.low, mine.high) == pytest.approx((one.value, one.low, one.high), abs=1e-12)


def test_equal_clusters_are_kept_once() -> None:
    table = cluster_table([[0.5, 1.0], [0.0, 0.0]], list("aabbccd"), place=[0, 1, 1, 0, 0, 0, 1])
    assert (table.clusters, table.problems) == (4, 7)
    assert sorted(zip(table.totals.tolist(), table.sizes.tolist(), table.counts.tolist(), strict=True)) == [
        ([0.0, 0.0], 1.0, 1),
        ([0.5, 1.0], 2.0, 2),
        ([1.0, 2.0], 2.0, 1),
    ]
    assert table.means().tolist() == pytest.approx([2 / 7, 4 / 7])


def test_the_order_of_problems_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    values, names = rng.random((40, 3)), rng.integers(0, 7, size=40)
    order = rng.permutation(40)
    one, other = cluster_table(values, names.tolist()), cluster_table(values[order], names[order].tolist())
    np.testing.assert_allclose(one.bounds()[0], other.bounds()[0], atol=1e-13)


def test_resampled_means_are_those_of_clusters_drawn_whole() -> None:
    """Two clusters, of one problem with 0 and two with 1: one in four resamples has the first twice, half have both."""
    draws = cluster_table([[0.0], [1.0], [1.0]], list("abb")).resampled(4000, seed=1)[:, 0]
    values, counts = np.unique(np.round(draws, 12), return_counts=True)
    assert values.tolist() == [0.0, round(2 / 3, 12), 1.0]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert (
        cluster_table([[0.0], [1.0]]).resampled(50, seed=7) == cluster_table([[0.0], [1.0]]).resampled(50, seed=7)
    ).all()


def test_its_spread_is_the_standard_error_over_clusters() -> None:
    rng = np.random.default_rng(2)
    centres = rng.beta(3, 3, size=50)
    values = np.repeat(centres, 4)[:, None]
    draws = cluster_table(values, np.repeat(np.arange(50), 4).tolist()).resampled(4000)
    assert draws.std() == pytest.approx(centres.std() / np.sqrt(50), rel=0.05)
    naive = cluster_table(values).resampled(4000)
    assert naive.std() == pytest.approx(draws.std() / 2, rel=0.05)


def test_no_interval_strictly_inside_has_no_width() -> None:
    """Few clusters, clusters that tie, clusters that agree: all of them say how little is known."""
    for rows, names in (
        ([[0.5]] * 3, None),
        ([[0.25], [0.75]] * 4, list("aabbccdd")),
        ([[0.3]], None),
        ([[1.0]] * 2, None),
    ):
        table = cluster_table(rows, names)
        for lows, highs in (table.bounds()[:2], table.band(200)):
            assert highs[0] - lows[0] > 0.3
            assert lows[0] <= table.means()[0] <= highs[0]


def test_a_band_holds_a_whole_curve_where_single_intervals_do_not() -> None:
    """40 templates of 5 problems, 16 draws: the true curve lies wholly inside .95 of the bands, and fewer of the rest."""
    rng, ks, held, single = np.random.default_rng(4), [1, 2, 4, 8, 16], 0, 0
    rates = rng.beta(2, 3, size=200_000)
    truth = np.array([np.mean(1 - (1 - rates) ** k) for k in ks])
    for repeat in range(300):
        centres = rng.beta(2, 3, size=40)
        correct = rng.binomial(16, np.repeat(centres, 5))
        table = cluster_table(pass_at_ks(16, correct, ks), np.repeat(np.arange(40), 5).tolist())
        low, high = table.band(300, seed=repeat)
        held += bool(((low <= truth) & (truth <= high)).all())
        low, high, _ = table.bounds()
        single += bool(((low <= truth) & (truth <= high)).all())
    assert 0.93 <= held / 300 <= 0.995
    assert single < held


def test_rows_of_equal_counts_are_enough() -> None:
    correct = np.array([3, 0, 3, 8])
    distinct, place = np.unique(correct, return_inverse=True)
    table = cluster_table(pass_at_ks(8, distinct, [2]), place=place)
    values = [pass_at_k(8, c, 2) for c in correct.tolist()]
    assert table.means()[0] == pytest.approx(sum(filter(None, values)) / 4)
    assert len(table.counts) == 3
