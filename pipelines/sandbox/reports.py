"""Turns the keeper's record of a program into a report: cause, results, texts. Trusts no byte of it."""

import errno
import signal
from dataclasses import dataclass
from typing import Any

from rollmill.pipelines.sandbox.guest import frames, wire
from rollmill.pipelines.sandbox.programs import (
    Calls,
    Cause,
    Program,
    ProgramReport,
    Result,
    SandboxFailed,
    SandboxLimits,
    Script,
)

_TAIL = 4096  # bytes of each output that a report keeps, the last ones
_MOST_TESTS = 100_000  # no honest plan is larger
_LOAD = {"compile": b"c", "raised": b"e"}
_ENDED: dict[str, tuple[Cause, str]] = {
    "cpu": ("timeout", "the CPU limit of {cpu_seconds:g} s"),
    "tests cpu": ("timeout", "the tests reached the CPU limit of {cpu_seconds:g} s"),
    "wall": ("timeout", "the wall clock limit of {wall_seconds:g} s"),
    "output": ("output_limit", "more than {output_kib} KiB of output"),
    "reply": ("output_limit", "replies too large"),
}
_GONE: dict[str, tuple[Cause, str]] = {
    "oversized": ("output_limit", "a reply too large"),
    "malformed": ("sandbox_violation", "a reply that is no message"),
    "closed": ("runtime_error", "the program closed its channel"),
}
_OUTCOMES: dict[str, tuple[str, Cause | None]] = {
    "passed": ("passed", None),
    "failed": ("failed", "wrong_answer"),
    "raised": ("error", "runtime_error"),
    "error": ("error", "runtime_error"),
    "memory": ("error", "memory"),
}


class TestsBroken(SandboxFailed):
    """The dataset's tests do not compile, or pass values that cannot cross to another process. Running again changes
    nothing.
    """

    __test__ = False  # not a test class of pytest


@dataclass(frozen=True, slots=True)
class Record:
    """The keeper's account of one program, types checked."""

    ended: str
    status: int
    cpu: float
    wall: float
    stdout: bytes
    stderr: bytes
    body: bytes
    tests_status: int | None


def report(program: Program, limits: SandboxLimits, answer: tuple[Any, ...]) -> ProgramReport:
    """The report on one program."""
    record = Record(*answer)
    death = _death(record, limits)
    raws = frames.split(record.body)
    if isinstance(program, Script):
        return _script(record, death, raws)
    if isinstance(program, Calls):
        return _finished(record, *_calls(program, death, raws))
    return _finished(record, *_tested(record, death, [_message(raw) for raw in raws]))


def _message(raw: bytes) -> Any:
    """A frame of the tests' process; None when it is none."""
    try:
        return wire.decode(raw)
    except wire.WireError:
        return None


def _reply(raw: bytes) -> tuple[bytes, Any]:
    """A frame of the program's process: its kind and its body; the kind is empty when it is none."""
    try:
        return raw[:1], wire.decode(raw[1:])
    except wire.WireError:
        return (raw, None) if raw == b"x" else (b"", None)


def _death(record: Record, limits: SandboxLimits) -> tuple[Cause, str] | None:
    """Cause of the end of the program's process; None if it ended normally."""
    if record.ended in _ENDED:
        cause, text = _ENDED[record.ended]
        values = {name: getattr(limits, name) for name in ("cpu_seconds", "wall_seconds", "output_kib")}
        return cause, text.format(**values)
    if record.ended == "done" or record.status == 0:
        return None
    if record.status > 0:
        return "runtime_error", f"exit status {record.status}"
    if -record.status == signal.SIGSYS:
        return "sandbox_violation", "a forbidden system call"
    # The kernel's own CPU limit kills too; the time used tells it from a kill for want of memory.
    if -record.status in (signal.SIGKILL, signal.SIGXCPU) and record.cpu >= limits.cpu_seconds:
        return "timeout", f"the CPU limit of {limits.cpu_seconds:g} s"
    if -record.status == signal.SIGKILL:
        return "memory", "killed by the system"
    return "runtime_error", f"killed by signal {-record.status}"


def _script(record: Record, death: tuple[Cause, str] | None, raws: list[bytes]) -> ProgramReport:
    """A script's end: its limits, its syntax, its exception, its exit status, in this order."""
    failure = _load_failure(*_reply(raws[0])) if raws else None
    # A script that raised has exit status 1 as well, which says less than its exception.
    if death and death[0] == "runtime_error" and failure:
        death = failure
    cause, detail = death or (None, "")
    result = Result("error" if cause else "returned", cause, record.status, detail)
    return ProgramReport(
        cause,
        (result,),
        # Whole, unlike that of tests: callers use a script's output as its result. output_kib bounds it.
        _text(record.stdout),
        _text(record.stderr[-_TAIL:]),
        record.cpu,
        record.wall,
        detail,
    )


def _load_failure(kind: bytes, message: Any) -> tuple[Cause, str] | None:
    """Cause in a message of a program that did not load or ended with an exception."""
    match message:
        case (str() as name, list() as bases, str() as text) if kind in (b"c", b"e"):
            if kind == b"c":
                return "compile_error", f"{name}: {text}"
            return ("memory" if _of_memory((name, *bases), text) else "runtime_error"), f"{name}: {text}"
    return None


def _of_memory(names: tuple[object, ...], text: str) -> bool:
    """True for an exception, by its classes, that says that memory was refused: to an object, or by the system to mmap."""
    if any(isinstance(name, str) and name.endswith("MemoryError") for name in names):  # NumPy has one of its own
        return True
    return "OSError" in names and text.startswith(f"[Errno {errno.ENOMEM}]")


def _calls(
    program: Calls, death: tuple[Cause, str] | None, raws: list[bytes]
) -> tuple[tuple[Result, ...], tuple[Cause, str] | None]:
    """Results, one per call; the call at which the replies end has the cause of the end."""
    wanted = len(program.calls)
    if not raws or raws[0][:1] != b"r":
        cause, detail = (_load_failure(*_reply(raws[0])) if raws else None) or death or _GONE["closed"]
        return tuple(Result("not_run" if i else "error", cause, None, detail) for i in range(wanted)), (cause, detail)
    results = [_returned(*_reply(raw)) for raw in raws[1 : wanted + 1]]
    if len(results) < wanted:
        cause, detail = death or ("runtime_error", "the program ended its process")
        results.append(Result("error", cause, None, detail))
    ended = results[-1].cause if results else None  # without a call, the program is only loaded
    results += [Result("not_run", ended)] * (wanted - len(results))
    return tuple(results), None


def _returned(kind: bytes, message: Any) -> Result:
    if kind == b"v":
        return Result("returned", None, message)
    if kind == b"x":
        return Result("error", "output_limit", None, "a value too large")
    failure = _load_failure(kind, message) if kind == b"e" else None
    cause, detail = failure or ("sandbox_violation", "a reply that is no message")
    return Result("error", cause, None, detail)


def _tested(
    record: Record, death: tuple[Cause, str] | None, messages: list[Any]
) -> tuple[tuple[Result, ...], tuple[Cause, str] | None]:
    """The results that the tests' process reported, and why there are no more of them."""
    known: dict[int, Result] = {}
    count, end, over = 0, None, False
    for message in messages:
        match message:
            case ("broken" | "unsupported", str() as text):
                raise TestsBroken(f"the tests: {text}")
            case ("load", "compile" | "raised" as what, str() as name, str() as text):
                end = death if death and death[0] != "runtime_error" else _load_failure(_LOAD[what], (name, [], text))
            case ("plan", int() as planned) if 0 <= planned <= _MOST_TESTS:
                count = planned
            case ("result", int() as index, str() as outcome, str() as text) if 0 <= index < count:
                known[index] = _outcome(outcome, text)
            case ("gone", str() as how):
                end = death or _gone(record, how)
            case ("end", None):
                over = True
            case ("end", (str() as outcome, str() as text)):
                over, known[count] = True, _outcome(outcome, text)
    if not over and end is None:
        end = death or ("runtime_error", f"the tests ended their process (status {record.tests_status})")
    return _in_order(known, count, end), end


def _gone(record: Record, how: str) -> tuple[Cause, str]:
    if how == "closed" and record.ended == "":
        return "runtime_error", f"the program ended its process (exit status {record.status})"
    return _GONE.get(how, _GONE["malformed"])


def _outcome(name: str, text: str) -> Result:
    status, cause = _OUTCOMES.get(name, _OUTCOMES["error"])
    return Result(status, cause, None, text)  # type: ignore[arg-type]


def _in_order(known: dict[int, Result], count: int, end: tuple[Cause, str] | None) -> tuple[Result, ...]:
    """A result for every test: those not reached failed with the cause of the end, or passed without one."""
    results, stopped = [], False
    for index in range(max(count, 1, *(i + 1 for i in known))):
        if index in known:
            results.append(known[index])
        elif end is None:
            results.append(Result("passed", None, None, "never reached"))
        else:
            results.append(Result("not_run" if stopped else "error", end[0], None, end[1]))
            stopped = True
    return tuple(results)


def _finished(record: Record, results: tuple[Result, ...], end: tuple[Cause, str] | None) -> ProgramReport:
    """The report on calls or tests: the first cause in the order of the results, else that of the end."""
    first = next((result for result in results if result.cause), None)
    cause, detail = (first.cause, first.detail) if first else (end or (None, ""))
    return ProgramReport(
        cause,
        results,
        _text(record.stdout[-_TAIL:]),
        _text(record.stderr[-_TAIL:]),
        record.cpu,
        record.wall,
        detail,
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
