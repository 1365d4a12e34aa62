"""The benchmark of comparisons: the product's test keeps its level and sees more than what stood there before."""

import numpy as np
import pytest

from benchmarks.numbers.comparisons import SIZES, as_a_rate, cells, cluster_t, ours, sample, table, wild


@pytest.mark.parametrize(
    ("sized", "clusters", "shift"), [("10 each", 5, 0.2), ("10 each", 12, 0.1), ("60, 30, 20 ...", 8, 0.1)]
)
def test_it_covers_and_sees_what_the_interval_of_a_rate_did_not(sized: str, clusters: int, shift: float) -> None:
    sizes = SIZES[sized](clusters)
    null, shifted = (sample("beta", change, sizes, np.random.default_rng(3), 250) for change in (0.0, shift))
    held, alarms = ours(null)
    assert 0.92 <= held.mean() <= 0.985
    assert 0.015 <= alarms.mean() <= 0.08
    assert ours(shifted)[1].mean() > as_a_rate(shifted)[1].mean() + 0.2
    assert as_a_rate(null)[0].mean() > 0.985


def test_flips_and_the_wild_bootstrap_agree_where_clusters_are_even() -> None:
    data = sample("logit-normal", 0.1, SIZES["10 each"](8), np.random.default_rng(1), 100)
    assert ours(data)[1].mean() == pytest.approx(wild(data)[1].mean(), abs=0.02)


def test_what_would_have_been_seen_four_times_in_five_is() -> None:
    """The median of the differences that 12 clusters say they would show is shown in .8 of comparisons."""
    from rollmill.stats import paired_test

    sizes, rng = SIZES["10 each"](12), np.random.default_rng(2)
    names = np.repeat(np.arange(12), 10).tolist()
    pilot = [paired_test([0.0] * 120, row, names) for row in sample("beta", 0.0, sizes, rng, 60).values.tolist()]
    visible = float(np.median([one.detectable or 1.0 for one in pilot if one is not None]))
    assert 0.72 <= ours(sample("beta", visible, sizes, rng, 250))[1].mean() <= 0.9


def test_the_table_has_a_line_for_each_method() -> None:
    rows = cells("10 each", [3], ["cluster t"], 20, 1)
    assert {row.law for row in rows} == {"same", "beta", "two-point", "logit-normal", "bad cluster", "few change"}
    lines = table(rows, ["cluster t"]).splitlines()
    assert (len(lines), lines[2].startswith("| 3 | cluster t | 0.")) == (3, True)
    assert cluster_t(sample("same", 0.0, SIZES["10 each"](3), np.random.default_rng(0), 20))[0].mean() > 0.7
