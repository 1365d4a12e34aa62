"""Sandboxes that the tests of a module share, with small limits, in both boxed modes."""

import os
from collections.abc import Iterator

import pytest

from rollmill.pipelines.sandbox import AssertTests, Mode, ProgramReport, Sandbox, SandboxLimits

SECRET = "vault-" + "8c1e5b"
SMALL = SandboxLimits(cpu_seconds=1.0, wall_seconds=3.0, memory_mib=256, output_kib=256, disk_mib=4)


@pytest.fixture(scope="module", params=["strict", "shared"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    os.environ["ROLLMILL_TEST_SECRET"] = SECRET
    mode: Mode = request.param
    with Sandbox(mode, SMALL) as box:
        yield box
    del os.environ["ROLLMILL_TEST_SECRET"]


def well(sandbox: Sandbox) -> bool:
    """Whether an honest program after an attack is judged as it should be."""
    right = sandbox.run(
        AssertTests("def f(x):\n    return sorted(x)[-1]", "assert f([3, 9, 4]) == 9\nassert f([1]) == 1", "f")
    )
    wrong = sandbox.run(AssertTests("def f(x):\n    return x[0]", "assert f([3, 9, 4]) == 9\nassert f([1]) == 1", "f"))
    return right.cause is None and [r.status for r in wrong.results] == ["failed", "passed"]


def all_text(report: ProgramReport) -> str:
    """Everything that came out of a box."""
    return repr(report)
