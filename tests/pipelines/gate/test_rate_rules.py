"""The gate's bounds of the pass rate name each problem with kept rollouts that lies outside."""

from typing import Any

import pytest

from rollmill.pipelines.gate import Gate, GateBounds

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("bounds", "outside"),
    [
        (GateBounds(), None),
        (GateBounds(least=0.4, most=0.6), 0),
        (GateBounds(most=0.4), 12),
        (GateBounds(least_judged=5), 12),
    ],
)
def test_problems_outside_are_named(toy: Any, bounds: GateBounds, outside: int | None) -> None:
    result = Gate(bounds).check(toy.tables, toy.expected(prefix=4))
    checks = {check.name: check for check in result.checks}
    assert ("pass rates" in checks) == (outside is not None)
    if outside is not None:
        assert checks["pass rates"].passed == (outside == 0)
        assert len(checks["pass rates"].failing) == min(outside, len(checks["pass rates"].failing) or outside)
        assert checks["pass rates"].observed == f"{outside} of 12 problems outside"
