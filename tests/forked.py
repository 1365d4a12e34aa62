"""Runs a function in a process of its own that may be killed: forked from a server that has storage and rounds imported.

A fresh Python with DuckDB, Arrow and SQLAlchemy takes a second or two to start; such a fork takes milliseconds, and shares
no lock, thread or open file with the tests, as a fork of their own process would.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 100.0
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "rollmill.storage.versions.publish",
        "rollmill.storage.workspace",
        "rollmill.storage.imports",
        "pandas",  # which Arrow imports when it makes an array
        "alembic.command",
        "sqlalchemy.dialects.sqlite",
        "rollmill.flows.rounds",
    ]
)


class Forked:
    """`function(*arguments)` in such a process; `point`: the failpoint at which it is killed."""

    def __init__(self, function: Callable[..., object], *arguments: Any, point: str = "") -> None:
        handle, name = tempfile.mkstemp(prefix="forked-")
        os.close(handle)
        self._output = Path(name)
        self._process = SERVER.Process(target=_run, args=(name, point, function, *arguments))
        self._process.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.exitcode is None

    def kill(self) -> None:
        """Send it SIGKILL."""
        self._process.kill()

    def end(self) -> tuple[int | None, str]:
        """Wait for it: its exit status, negative for a signal, and all that it printed."""
        self._process.join(SECONDS)
        output = self._output.read_text()
        self._output.unlink()
        return self._process.exitcode, output


def _run(output: str, point: str, function: Callable[..., object], *arguments: Any) -> None:
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if point:
        os.environ["ROLLMILL_FAILPOINT"] = point
    function(*arguments)
