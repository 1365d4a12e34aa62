"""Starts every child process of ours, and says with which command line and environment.

Children are started from one thread that lives as long as this process: what the kernel ties to "the parent" (PDEATHSIG,
bubblewrap's --die-with-parent) is the thread that forked, and one of a pool of threads may end long before its children.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
"""The folder that our packages lie in: a checkout, or what an installed wheel puts on its path."""


def module_command(module: str, *arguments: str, python: str | None = None) -> list[str]:
    """A module of ours as a program. -P: the folder that the command was called in may hold files with any name."""
    return [python or sys.executable, "-P", "-m", module, *arguments]


def environment(*path: str | None, **more: str) -> dict[str, str]:
    """Our own environment, in which a child finds our packages first, then those of `path`."""
    return {**os.environ, "PYTHONPATH": python_path(*path), **more}


def python_path(*path: str | None) -> str:
    """A PYTHONPATH with our packages first."""
    return os.pathsep.join([str(ROOT), *filter(None, path)])


def spawn(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path | None = None, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a child with this environment and no other variables; `options` are Popen's, `log` gets what it prints."""
    with contextlib.ExitStack() as stack:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            options["stdout"] = options["stderr"] = stack.enter_context(log.open("ab"))
        return _from_lasting_thread(lambda: subprocess.Popen(list(command), env=dict(environment), **options))


def spawn_apart(
    command: Sequence[str], environment: Mapping[str, str], log: Path, keep: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """A child in a session of its own, which the terminal's Ctrl-C is not for, without input, its output in a log."""
    return spawn(command, environment, log=log, stdin=subprocess.DEVNULL, pass_fds=tuple(keep), start_new_session=True)


class _Spawner(threading.Thread):
    """The thread that starts children, one at a time, until the process ends."""

    def __init__(self) -> None:
        super().__init__(name="spawner", daemon=True)
        self.tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self) -> None:
        while True:
            self.tasks.get()()


_spawner: _Spawner | None = None
_lock = threading.Lock()


def _from_lasting_thread(start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
    global _spawner  # noqa: PLW0603 - one thread per process
    with _lock:
        if _spawner is None or not _spawner.is_alive():  # after a fork it is not
            _spawner = _Spawner()
            _spawner.start()
    result: queue.SimpleQueue[subprocess.Popen[bytes] | BaseException] = queue.SimpleQueue()

    def task() -> None:
        try:
            result.put(start())
        except BaseException as error:
            result.put(error)

    _spawner.tasks.put(task)
    started = result.get()
    if isinstance(started, BaseException):
        raise started
    return started


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
