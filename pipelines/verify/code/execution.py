"""Runs a program against the tests of its problem in the sandbox and says for each test whether it passed, and if not why.

Expected values never leave this side: for calls and runs they are compared here; asserts run in a process of their own,
next to the one that holds the program.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rollmill.ground.ids import canonical_json
from rollmill.pipelines.sandbox import AssertTests, Call, Calls, ProgramReport, Result, Script
from rollmill.pipelines.verify.code.expected_values import Spacing, same, same_output, shown
from rollmill.pipelines.verify.code.suite import Asserts, CallCase, ProgramSuite, RunCase

Status = Literal["passed", "failed", "error", "not_run"]

CAUSES = ("compile_error", "sandbox_violation", "memory", "timeout", "output_limit", "runtime_error", "wrong_answer")
"""Causes of a test that was not passed, the gravest first: the cause of a verdict is the gravest of its tests."""
SHOWN = 100  # tests in the evidence of a verdict
_DETAIL = 240  # characters of a name or a detail in it
_LONGEST = 60_000  # bytes of the whole, below what a verdict may carry (finding.EVIDENCE_BYTES)


@dataclass(frozen=True, slots=True)
class TestResult:
    """Result of a test: its name, whether it passed, and if not why. `detail` is for a person."""

    name: str
    status: Status
    cause: str | None = None
    detail: str = ""

    __test__ = False  # no test class of pytest


def passed_count(results: Sequence[TestResult]) -> int:
    """Number of tests that passed."""
    return sum(result.status == "passed" for result in results)


def all_passed(results: Sequence[TestResult]) -> bool:
    """True if there are results and every one passed."""
    return bool(results) and passed_count(results) == len(results)


def gravest(results: Sequence[TestResult]) -> str | None:
    """The gravest cause among the results; None if all passed."""
    causes = {result.cause for result in results if result.cause is not None}
    return next((cause for cause in CAUSES if cause in causes), None)


def evidence(results: Sequence[TestResult], **more: Any) -> dict[str, Any]:
    """Counts, then the tests in order; beyond 100 the failed ones first. Below 64 KiB always."""
    chosen = list(enumerate(results))
    if len(chosen) > SHOWN:
        chosen.sort(key=lambda item: item[1].status == "passed")
        chosen = sorted(chosen[:SHOWN])
    body: dict[str, Any] = {"passed": passed_count(results), "total": len(results), **more}
    rows = [_row(index, result) for index, result in chosen]
    while True:
        omitted = len(results) - len(rows)
        whole = body | {"tests": rows} | ({"omitted": omitted} if omitted else {})
        if len(canonical_json(whole).encode()) <= _LONGEST or not rows:
            return whole
        rows = rows[: len(rows) // 2]


def _row(index: int, result: TestResult) -> dict[str, Any]:
    row: dict[str, Any] = {"i": index, "name": printable(result.name), "status": result.status}
    if result.cause:
        row["cause"] = result.cause
    if result.detail:
        row["detail"] = printable(result.detail)
    return row


def printable(text: str, longest: int = _DETAIL) -> str:
    """A short text that any JSON file and any terminal can hold."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    # A model's text may hold lone surrogates, which UTF-8 cannot encode.
    return cut.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\\x00")


FATAL = frozenset(("compile_error", "timeout", "memory", "output_limit", "sandbox_violation"))
"""After one of these in a run of stdin and stdout the remaining runs are not made: they would cost as much again."""
_NEVER = "never reached"  # the sandbox's word for an assertion that no failure kept from running and nothing reached


class Runner(Protocol):
    """Runs programs, like `rollmill.pipelines.sandbox.Sandbox`."""

    def run(self, program: Script | Calls | AssertTests) -> ProgramReport: ...


@dataclass(slots=True)
class SuiteRun:
    """The results of a suite in its order, the CPU seconds, and the detail of a program that could not start."""

    results: list[TestResult] = field(default_factory=list)
    cpu_seconds: float = 0.0
    detail: str = ""


def run_suite(runner: Runner, source: str, suite: ProgramSuite, *, spacing: Spacing = "lines") -> SuiteRun:
    """All tests of a suite on one program; SandboxFailed if the sandbox itself did."""
    run = SuiteRun()
    for asserts in suite.asserts:
        report = runner.run(AssertTests(source, asserts.text, suite.entry_point))
        _add(run, report, list(_of_asserts(asserts, report)))
        if report.cause == "compile_error":
            return _with_unreached(run, suite)
    if suite.calls:
        calls = tuple(Call(case.function, case.args, dict(case.kwargs)) for case in suite.calls)
        report = runner.run(Calls(source, calls))
        paired = zip(suite.calls, _paired([case.name for case in suite.calls], report), strict=True)
        _add(run, report, [_of_call(case, result) for case, (_, result) in paired])
    for case in suite.runs:
        if any(result.cause in FATAL for result in run.results):
            break
        report = runner.run(Script(source, case.stdin))
        _add(run, report, [_of_run(case, report, spacing)])
    return _with_unreached(run, suite)


def _add(run: SuiteRun, report: ProgramReport, results: Sequence[TestResult]) -> None:
    run.results.extend(results)
    run.cpu_seconds += report.cpu_seconds
    run.detail = run.detail or (report.detail if report.cause else "")


def _with_unreached(run: SuiteRun, suite: ProgramSuite) -> SuiteRun:
    """Add tests that were not reached, as `not_run`."""
    names = [name for part in suite.asserts for name in part.names if name]
    names += [case.name for case in suite.calls] + [case.name for case in suite.runs]
    run.results.extend(TestResult(name, "not_run") for name in names[len(run.results) :])
    return run


def _of_asserts(asserts: Asserts, report: ProgramReport) -> Iterator[TestResult]:
    """Yield the result of each assertion that counts; an outside failure goes to the first assertion that it kept from
    running.
    """
    whole = next((result for result in report.results[len(asserts.names) :] if result.status != "passed"), None)
    for name, result in _paired(asserts.names, report):
        if not name:
            continue
        if whole is not None and result.detail == _NEVER:
            yield _of_assert(name, whole)
            whole = Result("not_run")
        else:
            yield _of_assert(name, result)
    if whole is not None and whole.status != "not_run":
        yield _of_assert("the tests outside of their asserts", whole)


def _of_assert(name: str, result: Result) -> TestResult:
    if result.status in ("passed", "not_run"):
        return TestResult(name, "passed" if result.status == "passed" else "not_run", result.cause, result.detail)
    failed = result.status == "failed"
    cause = result.cause or ("wrong_answer" if failed else "runtime_error")
    return TestResult(name, "failed" if failed else "error", cause, result.detail)


def _of_call(case: CallCase, result: Result) -> TestResult:
    if result.status == "not_run":
        return TestResult(case.name, "not_run", result.cause, result.detail)
    if result.status == "returned":
        if case.raises is None and same(case.expected, result.value, tolerance=case.tolerance):
            return TestResult(case.name, "passed")
        wanted = f"{case.raises} raised" if case.raises else shown(case.expected, 100)
        return TestResult(case.name, "failed", "wrong_answer", f"returned {shown(result.value, 100)}, expected {wanted}")
    if case.raises is not None and result.cause == "runtime_error" and exception_name(result.detail) == case.raises:
        return TestResult(case.name, "passed")
    return TestResult(case.name, "error", result.cause or "runtime_error", result.detail)


def exception_name(detail: str) -> str:
    """The exception that a detail begins with: `ValueError: no such thing` gives `ValueError`."""
    return detail.split(":", 1)[0].strip().rpartition(".")[2]


def _of_run(case: RunCase, report: ProgramReport, spacing: Spacing) -> TestResult:
    if report.cause is not None:
        return TestResult(case.name, "error", report.cause, report.detail)
    if same_output(case.stdout, report.stdout, spacing=spacing, tolerance=case.tolerance):
        return TestResult(case.name, "passed")
    detail = f"printed {shown(report.stdout, 100)}, expected {shown(case.stdout, 100)}"
    return TestResult(case.name, "failed", "wrong_answer", detail)


def _paired(names: Sequence[str], report: ProgramReport) -> Iterator[tuple[str, Result]]:
    """Each name with its result. A program that ended early has fewer: the first without one has the program's cause."""
    ended = False
    for index, name in enumerate(names):
        if index < len(report.results):
            result = report.results[index]
            # Where a result tells the program's cause already, the tests after it were only not run.
            ended = ended or result.cause == report.cause
            yield name, result
        elif not ended and report.cause is not None:
            ended = True
            yield name, Result("error", report.cause, None, report.detail)
        else:
            yield name, Result("not_run")
