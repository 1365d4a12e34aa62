"""Runs programs and reports on them: a pool of warm keepers that any thread may use, and whether this machine can run one.

A box that breaks is replaced and its program is run once more with no other program running; if that fails too it is our
failure (SandboxFailed), never the program's. What this machine or a recipe lacks is a SetupError that names it.
"""

import platform
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.sandbox.box import Box, BoxBroken
from rollmill.pipelines.sandbox.launch import bubblewrap
from rollmill.pipelines.sandbox.programs import (
    MODES,
    Calls,
    Mode,
    Program,
    ProgramReport,
    SandboxFailed,
    SandboxLimits,
    Script,
)
from rollmill.pipelines.sandbox.reports import report

_MACHINES = ("x86_64", "aarch64")
_LEAST_MIB = 64  # what an interpreter needs of address space to begin
_NONE = "or, to run untrusted code without any protection, say `sandbox: none` in the recipe"
_SWITCHES = (  # sysctl, the value that forbids user namespaces, one that allows them
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "10000"),
)


def check_mode(mode: str) -> Mode:
    """The mode. SetupError when there is no such mode."""
    for known in MODES:
        if mode == known:
            return known
    raise unknown_name("sandbox mode", mode, MODES)


def check_limits(limits: SandboxLimits) -> SandboxLimits:
    """The limits. SetupError when a program could not even start under them."""
    for name in ("cpu_seconds", "wall_seconds", "output_kib", "disk_mib", "processes"):
        if not getattr(limits, name) > 0:
            raise SetupError(f"sandbox limit {name} is {getattr(limits, name)}; it must be above 0.")
    if limits.memory_mib < _LEAST_MIB * limits.processes:
        message = f"sandbox limit memory_mib is {limits.memory_mib}; {limits.processes} process(es) share it evenly"
        raise SetupError(f"{message} and each needs {_LEAST_MIB} MiB: at least {_LEAST_MIB * limits.processes}.")
    return limits


def check_sandbox(mode: Mode) -> None:
    """Start a box and end it. SetupError naming the missing part and the next command if this machine cannot."""
    check_mode(mode)
    if mode != "none":
        _check_platform()
        bubblewrap()
    try:
        Box(mode, SandboxLimits()).close()
    except BoxBroken as error:
        raise _explained(str(error)) from None


def _check_platform() -> None:
    if sys.platform != "linux":
        raise SetupError(f"the sandbox needs Linux namespaces; this is {sys.platform}. Use a Linux machine, {_NONE}.")
    if platform.machine() not in _MACHINES:
        message = f"the sandbox has no system call filter for {platform.machine()}; use another machine, {_NONE}."
        raise SetupError(message, choices=_MACHINES)


def _explained(reason: str) -> SetupError:
    """Error that explains why a box does not start, with the switch to turn where the kernel shows one."""
    for name, off, on in _SWITCHES:
        place = Path("/proc/sys", name.replace(".", "/"))
        if place.exists() and place.read_text().strip() == off:
            message = f"the sandbox cannot start: user namespaces are switched off ({name} is {off}; {reason})"
            return SetupError(f"{message}; {_NONE}.", next_command=f"sysctl -w {name}={on}")
    message = f"the sandbox cannot start: {reason}. It needs user, pid, network, ipc and mount namespaces"
    command = "run it where containers may be nested (docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN)"
    return SetupError(f"{message}; {_NONE}.", next_command=command)


_AHEAD = 4  # programs per box that are taken from the input before the first of them has ended


class Sandbox:
    """Runs programs in `workers` boxes of one mode under one set of limits."""

    def __init__(self, mode: Mode = "strict", limits: SandboxLimits | None = None, workers: int = 1) -> None:
        self.mode = check_mode(mode)
        self.limits = check_limits(limits or SandboxLimits())
        self.workers = max(1, workers)
        # Last in, first out: a warm box is taken before an empty place has to start one.
        self._places: queue.LifoQueue[Box | None] = queue.LifoQueue()
        for _ in range(self.workers):
            self._places.put(None)
        # Two retries that each held some of the places would wait for one another for ever.
        self._alone = threading.Lock()
        self._closed = False

    def run(self, program: Program) -> ProgramReport:
        """The report on one program. SandboxFailed when our side failed twice."""
        job = _job(program)
        try:
            answer = self._once(job)
        except BoxBroken:
            answer = self._again(job)
        return report(program, self.limits, answer)

    def run_many(self, programs: Iterable[Program]) -> Iterator[ProgramReport]:
        """Reports in input order; at most a few programs per box are taken ahead. A SandboxFailed ends the iteration."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox") as pool:
            waiting: deque[Future[ProgramReport]] = deque()
            try:
                for program in programs:
                    waiting.append(pool.submit(self.run, program))
                    if len(waiting) >= self.workers * _AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """End every box once its program has ended; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with self._alone:  # a program that runs again needs every place, as this does
            for _ in range(self.workers):
                box = self._places.get()
                if box is not None:
                    box.close()
        for _ in range(self.workers):  # whoever waits for a place is told that there will be none
            self._places.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _once(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run in the next free box; a broken one leaves its place empty."""
        box = self._places.get()
        try:
            if self._closed:
                raise RuntimeError("the sandbox is closed")
            box = box or Box(self.mode, self.limits)
            return box.run(job)
        except BaseException:
            if box is not None:
                box.close()
            box = None
            raise
        finally:
            self._places.put(box)

    def _again(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """Once more, alone: every other box is idle meanwhile."""
        with self._alone:
            other_boxes = [self._places.get() for _ in range(self.workers - 1)]
            try:
                return self._once(job)
            except BoxBroken as error:
                raise SandboxFailed(f"the box failed twice: {error}") from error
            finally:
                for box in other_boxes:
                    self._places.put(box)


class SandboxUser:
    """A method that runs programs, in a sandbox that starts with the first of them. Usable from any thread."""

    def use_sandbox(self, user: str, mode: Mode, limits: SandboxLimits, workers: int) -> None:
        """Say which, before anything runs; SetupError, which names the user, for a mode or a limit that is none."""
        if mode not in MODES:
            raise SetupError(f"{user}: sandbox is {mode!r}.", choices=MODES)
        for what in ("cpu_seconds", "memory_mib", "output_kib"):
            if not getattr(limits, what) > 0:
                raise SetupError(f"{user}: {what} is {getattr(limits, what)}, and must be above 0.")
        self.mode, self.limits, self.workers = mode, limits, workers
        self._sandbox: Sandbox | None = None
        self._lock = threading.Lock()

    def ready(self) -> None:
        """SetupError if this machine cannot run the sandbox that the recipe names."""
        check_sandbox(self.mode)

    def sandbox(self) -> Sandbox:
        """The sandbox, started on first use; SetupError if there is none."""
        with self._lock:
            if self._sandbox is None:
                self.ready()
                self._sandbox = Sandbox(self.mode, self.limits, self.workers)
            return self._sandbox

    def close(self) -> None:
        """End the sandbox; safe to call twice."""
        with self._lock:
            sandbox, self._sandbox = self._sandbox, None
        # Outside the lock: closing waits for the programs that still run.
        if sandbox is not None:
            sandbox.close()


def _job(program: Program) -> tuple[Any, ...]:
    """A program as what the keeper takes: plain data only."""
    if isinstance(program, Script):
        return "script", program.source, (program.stdin, program.seed)
    if isinstance(program, Calls):
        return "calls", program.source, [(call.function, call.args, call.kwargs) for call in program.calls]
    return "tested", program.source, (program.tests, program.entry_point)
