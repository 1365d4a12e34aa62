"""A program that starts processes of its own, under a guard that ends them all: when we say so, or when we are gone."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.processes.proc import kill_session
from pipelines.processes.spawn import spawn

GUARD = Path(__file__).with_name("guard.py")
END_SECONDS = 50.0  # until the guard itself is given up
OURS = "rollmill: "  # how the guard's own lines in the log begin


class GuardedProgram:
    """One such program. `keep`: descriptors that it gets, besides its log. `grace`: seconds from SIGTERM to SIGKILL."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        keep: Sequence[int] = (),
        grace: float = 0.0,
    ) -> None:
        guard = [sys.executable, "-I", str(GUARD)]
        guard += ["--keep", ",".join(map(str, keep))] if keep else []
        guard += ["--grace", str(grace)] if grace else []
        self._closing = threading.Lock()
        self._guard = spawn(
            [*guard, *command],
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
        return status if status is None or status <= 128 else 128 - status

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
