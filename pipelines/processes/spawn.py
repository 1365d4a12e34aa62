"""Starts every child process of ours: command line, environment, log, a guard where it starts processes of its own.

Children are started from one thread that lives as long as this process: what the kernel ties to "the parent" (PDEATHSIG,
bubblewrap's --die-with-parent) is the thread that forked, and one of a pool of threads may end long before its children.
What a child's exit status means is said here too.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.pipelines.processes.proc import kill_session
from rollmill.places import IMPORT_ROOT

GUARD = Path(__file__).with_name("guard.py")
LOOK_SECONDS = 5.0  # between two looks for children that are stopped
END_SECONDS = 50.0  # until the guard itself is given up
GUARDS_OWN = "rollmill: "  # how the guard's own lines in the log begin
TAIL = 64 << 10  # bytes of a log that are looked at
ITS_OWN = frozenset(
    (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGPROF, signal.SIGXCPU)
)
"""Signals that a process causes itself; any other was sent from outside, or by a system without memory."""


def module_command(module: str, *arguments: str, python: str | None = None) -> list[str]:
    """A module of ours as a program. -P: the folder that the command was called in may hold files with any name."""
    return [python or sys.executable, "-P", "-m", module, *arguments]


def environment(*path: str | None, **more: str) -> dict[str, str]:
    """Our own environment, in which a child finds our packages first, then those of `path`."""
    return {**os.environ, "PYTHONPATH": python_path(*path), **more}


def python_path(*path: str | None) -> str:
    """A PYTHONPATH with our packages first; an empty part, as a leading `:` leaves it, would be the current folder."""
    return os.pathsep.join(
        [str(IMPORT_ROOT), *(part for places in path for part in (places or "").split(os.pathsep) if part)]
    )


def spawn(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a child with this environment and no other variables; `options` are Popen's, `log` gets its output."""
    with contextlib.ExitStack() as stack:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            # Its owner's alone: it may hold an address with a token.
            file = stack.enter_context(
                open(log, "ab", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600))
            )
            options["stdout"] = options["stderr"] = file
        return _from_lasting_thread(lambda: subprocess.Popen(list(command), env=dict(environment), **options))


def spawn_apart(
    command: Sequence[str], environment: Mapping[str, str], log: Path, keep: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """A child in a session of its own, which the terminal's Ctrl-C is not for, without input, its output in a log."""
    return spawn(command, environment, log=log, stdin=subprocess.DEVNULL, pass_fds=tuple(keep), start_new_session=True)


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"rollmill: {text}\n")


tell: Callable[[str], None] = _to_stderr  # what tells a person; the command line has a place of its own for it


def _is_stopped(pid: int) -> bool:
    """True for a process stopped by a signal."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


class _Spawner(threading.Thread):
    """The thread that starts children, one at a time, until the process ends."""

    def __init__(self) -> None:
        super().__init__(name="spawner", daemon=True)
        self.tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.children: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()
        self._told: set[int] = set()

    def run(self) -> None:
        while True:
            try:
                task = self.tasks.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._tell_stopped()
                continue
            task()

    def _tell_stopped(self) -> None:
        """Tell of a child that somebody stopped, as whoever waits for it waits without end."""
        running = [child.pid for child in self.children if child.returncode is None]
        # Children of children, too: a guarded program is one.
        stopped = {pid for own in running for pid in (own, *_children(own)) if _is_stopped(pid)}
        for pid in sorted(stopped - self._told):
            tell(f"process {pid} of this command is stopped, and the command waits for it. Next: kill -CONT {pid}")
        self._told = stopped


_spawner: _Spawner | None = None
_lock = threading.Lock()


def _from_lasting_thread(start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
    global _spawner  # noqa: PLW0603 - one thread per process
    with _lock:
        if _spawner is None or not _spawner.is_alive():  # after a fork it is not
            _spawner = _Spawner()
            _spawner.start()
        spawner = _spawner
    result: queue.SimpleQueue[subprocess.Popen[bytes] | BaseException] = queue.SimpleQueue()

    def task() -> None:
        try:
            child = start()
            spawner.children.add(child)
            result.put(child)
        # Raised in the caller: here it would end this thread, and with it every child that is tied to it.
        except BaseException as error:
            result.put(error)

    spawner.tasks.put(task)
    started = result.get()
    if isinstance(started, BaseException):
        raise started
    return started


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def ending(status: int) -> str:
    """`signal 9` or `exit status 3`; verdicts hold these words, so they must not change."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def ended_from_outside(status: int) -> bool:
    """True if the process was ended from outside: by a person, or by the system for want of memory."""
    return status < 0 and -status not in ITS_OWN


class ProcessLog:
    """The file for what one start of a child prints; earlier starts' lines before it are not its own.

    `most`: bytes beyond which the file of earlier starts is put aside. Readable by its owner alone.
    """

    def __init__(self, path: Path | None, most: int | None = None) -> None:
        if path is None:
            number, name = tempfile.mkstemp(prefix="rollmill-", suffix=".log")
            os.close(number)
            path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if most is not None and path.exists() and path.stat().st_size > most:
            path.replace(path.with_suffix(".old.log"))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, 0o600))
        self.path, self._begin = path, path.stat().st_size

    def lines(self) -> list[str]:
        """The last lines of this start that say something."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._begin, file.seek(0, os.SEEK_END) - TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]


def guarded(command: Sequence[str], grace: float = 0.0, keep: Sequence[int] = ()) -> list[str]:
    """The command line of a command under the guard, whose standard input is to be a pipe: its end ends all of it."""
    options = ["--keep", ",".join(map(str, keep))] if keep else []
    options += ["--grace", str(grace)] if grace else []
    return [sys.executable, "-I", str(GUARD), *options, *command]


def guarded_status(status: int) -> int:
    """The exit status of a command by that of its guard; negative for a signal."""
    return status if status <= 128 else 128 - status


class GuardedProgram:
    """A program that starts processes of its own; all of them end when we say so, or when we are gone.

    `keep`: descriptors that it gets, besides its log. `grace`: seconds from SIGTERM to SIGKILL."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        keep: Sequence[int] = (),
        grace: float = 0.0,
    ) -> None:
        guard = guarded(command, grace, keep)
        self._closing = threading.Lock()
        self._guard = spawn(
            guard,
            environment,
            log=log,
            stdin=subprocess.PIPE,  # which nobody but us holds open: its end is ours, kill -9 included
            pass_fds=tuple(keep),
            start_new_session=True,  # the terminal's Ctrl-C is not for it
        )

    @property
    def pid(self) -> int:
        """The guard's process id, which is its session's too."""
        return self._guard.pid

    @property
    def status(self) -> int | None:
        """The program's exit status, negative for a signal; None while it runs."""
        status = self._guard.poll()
        return None if status is None else guarded_status(status)

    def wait(self, seconds: float) -> None:
        """Until the program and all it started have ended, or so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(seconds)

    def close(self) -> None:
        """End all of it and return when nothing is left; safe to call twice and from several threads."""
        with self._closing:
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            try:
                self._guard.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._guard.kill()  # the kernel ends the program with it
                self._guard.wait()
            kill_session(self.pid)  # nothing is left, unless the guard itself was killed
