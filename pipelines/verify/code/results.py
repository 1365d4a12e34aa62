"""Results per test, and what they say together: outcome, cause, share passed, evidence. Knows no process and no program."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storage.ids import canonical_json

Status = Literal["passed", "failed", "error", "not_run"]

CAUSES = (
    "compile_error",
    "sandbox_violation",
    "memory",
    "timeout",
    "output_limit",
    "runtime_error",
    "wrong_answer",
)
"""Why a test was not passed, the gravest first: the cause of a verdict is the gravest of its tests."""
SHOWN = 100
_DETAIL = 240
_LONGEST = 60_000


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test: its name, whether it passed, and if not why. `detail` is for a person."""

    name: str
    status: Status
    cause: str | None = None
    detail: str = ""

    __test__ = False  # no test class of pytest


def passed(results: Sequence[TestResult]) -> int:
    """How many tests passed."""
    return sum(result.status == "passed" for result in results)


def all_passed(results: Sequence[TestResult]) -> bool:
    """Whether there are results and every one passed."""
    return bool(results) and passed(results) == len(results)


def gravest(results: Sequence[TestResult]) -> str | None:
    """The gravest cause among the results; None where all passed."""
    found = {result.cause for result in results if result.cause is not None}
    return next((cause for cause in CAUSES if cause in found), None)


def evidence(results: Sequence[TestResult], **more: Any) -> str:
    """Canonical JSON: counts, then the tests in order; beyond 100 the failed ones first. Below 64 KiB always."""
    chosen = list(enumerate(results))
    if len(chosen) > SHOWN:
        chosen.sort(key=lambda item: item[1].status == "passed")
        chosen = sorted(chosen[:SHOWN])
    body: dict[str, Any] = {"passed": passed(results), "total": len(results), **more}
    rows = [_row(index, result) for index, result in chosen]
    while True:
        omitted = len(results) - len(rows)
        text = canonical_json(body | {"tests": rows} | ({"omitted": omitted} if omitted else {}))
        if len(text.encode()) <= _LONGEST or not rows:
            return text
        rows = rows[: len(rows) // 2]


def _row(index: int, result: TestResult) -> dict[str, Any]:
    row: dict[str, Any] = {"i": index, "name": printable(result.name), "status": result.status}
    if result.cause:
        row["cause"] = result.cause
    if result.detail:
        row["detail"] = printable(result.detail)
    return row


def printable(text: str) -> str:
    """A short text that any JSON file and any terminal can hold."""
    cut = text if len(text) <= _DETAIL else text[: _DETAIL - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\\x00")
