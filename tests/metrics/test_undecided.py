"""Undecided rollouts in metrics: in no rate, with both ways shown; a k that they leave undefined has no value."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from tests.metrics.pools import pool


def test_undecided_rollouts_count_in_no_rate_and_both_ways_are_shown() -> None:
    row = measure(pool(["ciu", "ccu", "iiu"]), "pass@k", Options(ks=(1,)))[0]
    assert row.value == pytest.approx(0.5)
    assert (row.undecided, row.if_wrong, row.if_right) == pytest.approx((3, 1 / 3, 2 / 3))
    with pytest.raises(SetupError, match="k = 3 is undefined for 3 of 3 problems"):
        measure(pool(["ciu", "ccu", "iiu"]), "pass@k", Options(ks=(3,)))


@pytest.mark.parametrize("metric", ["pass@k", "pass^k", "g_pass@k"])
def test_a_k_that_an_undecided_rollout_leaves_undefined_does_not_take_the_others_with_it(metric: str) -> None:
    one, lost = measure(pool(["ciu", "ccc", "iii"]), metric, Options(ks=(1, 3)))
    [alone] = measure(pool(["ciu", "ccc", "iii"]), metric, Options(ks=(1,)))
    assert one == alone
    assert one.value == pytest.approx(0.5)
    assert (lost.setting["k"], lost.value, lost.low, lost.undecided) == (3, None, None, 1)
    assert lost.why == "undefined for 1 of 3 problems: undecided verdicts leave them fewer than k judged rollouts"
    sides = [measure(pool([row, "ccc", "iii"]), metric, Options(ks=(3,)))[0].value for row in ("cii", "cic")]
    assert [lost.if_wrong, lost.if_right] == sides
    with pytest.raises(SetupError, match=r"k = 4 is undefined for 3 of 3 problems.*Valid: k up to 3"):
        measure(pool(["ciu", "ccc", "iii"]), metric, Options(ks=(1, 4)))


@pytest.mark.parametrize("metric", ["pass@k", "pass^k", "g_pass@k"])
def test_a_problem_with_undecided_rollouts_alone_is_left_out_and_told(metric: str) -> None:
    [row] = measure(pool(["uu", "cc", "ii"]), metric, Options(ks=(1,)))
    assert row.value == pytest.approx(0.5)
    assert (row.n, row.undecided) == (2, 2)
    assert (row.if_wrong, row.if_right) == pytest.approx((1 / 3, 2 / 3))
    assert row.why.endswith("1 of 3 problems have undecided rollouts alone and are left out")
