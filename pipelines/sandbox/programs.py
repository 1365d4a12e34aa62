"""Programs and reports: what goes into the sandbox and what comes out, as plain values."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Mode = Literal["strict", "shared", "none"]
Cause = Literal["compile_error", "runtime_error", "wrong_answer", "timeout", "memory", "output_limit", "sandbox_violation"]
Status = Literal["passed", "failed", "error", "not_run", "returned"]
MODES: tuple[Mode, ...] = ("strict", "shared", "none")


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Limits of a program. Memory and disk are of the whole process tree; output is stdout and stderr together."""

    cpu_seconds: float = 5.0
    wall_seconds: float = 20.0
    memory_mib: int = 512
    output_kib: int = 1024
    disk_mib: int = 16
    processes: int = 1


_PATIENCE = 12  # seconds by the clock for each CPU second: on a busy machine a program waits its turn


def limits_of(cpu_seconds: float, memory_mib: int, output_kib: int = 1024) -> SandboxLimits:
    """The limits of one program. Its wall time may be twelve times its CPU seconds, since waiting on a busy machine is not
    a failure.
    """
    wall = _PATIENCE * cpu_seconds
    return SandboxLimits(cpu_seconds=cpu_seconds, wall_seconds=wall, memory_mib=memory_mib, output_kib=output_kib)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a top-level function of the program. Arguments are plain data."""

    function: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """A whole program, run as `__main__`. Result: stdout, stderr and the exit status as the value of the only result.

    `seed`: what the module `random` is seeded with; None leaves it to chance.
    """

    source: str
    stdin: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """A program and calls of its functions: one result per call, its value as plain data."""

    source: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class AssertTests:
    """A program and the dataset's own tests of it, which run in another process and see proxies of its functions."""

    __test__: ClassVar[bool] = False  # not a test class of pytest
    source: str
    tests: str
    entry_point: str | None = None


Program = Script | Calls | AssertTests


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a test or call. `value` is what a call returned (an exit status for a script); `detail` is for people."""

    status: Status
    cause: Cause | None = None
    value: Any = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProgramReport:
    """Report on a program. `cause` is None when it ran to its end and, if tested, passed every test."""

    cause: Cause | None
    results: tuple[Result, ...]
    stdout: str = ""
    stderr: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    detail: str = ""


class SandboxFailed(Exception):  # noqa: N818 - names what happened
    """Our failure, twice: the box died or did not answer. Says nothing about the program."""
