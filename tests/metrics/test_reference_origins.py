"""Contradictions are counted by origin and synthesizer; what cannot be told is in no share."""

import pytest

from rollmill.metrics.reference_origins import CheckedReference, origin_errors


def row(origin: str, *, computed: bool | None = None, solved: bool | None = None, **more: object) -> CheckedReference:
    return CheckedReference(origin, "maker", str(more.get("cluster", "")) or None, computed, solved)


def test_shares_are_over_what_can_be_told() -> None:
    rows = [row("computed", computed=False, cluster=f"t{number}") for number in range(8)]
    rows += [row("computed", computed=True, cluster="t8"), row("computed", cluster="t9")]
    [found] = origin_errors(rows)
    assert (found.problems, found.solved) == (10, None)
    assert found.computed is not None
    assert (found.computed.value, found.computed.n, found.computed.clusters) == pytest.approx((1 / 9, 9, 9))
    assert found.computed.low < 1 / 9 < found.computed.high


def test_none_wrong_is_no_certainty() -> None:
    [found] = origin_errors([row("carried", solved=False, cluster=f"t{number}") for number in range(20)])
    assert found.solved is not None
    assert (found.solved.value, found.solved.low) == (0.0, 0.0)
    assert 0.1 < found.solved.high < 0.2  # Clopper-Pearson over 20 clusters: .168


def test_origins_stand_apart_in_order() -> None:
    rows = [row("majority", solved=True), row("carried", solved=False), row("majority", solved=False)]
    assert [(found.origin, found.problems) for found in origin_errors(rows)] == [("carried", 1), ("majority", 2)]
    assert origin_errors([]) == []
