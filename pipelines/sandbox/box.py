"""A warm keeper process, from the host's side: start it, send it jobs one at a time, end it.

Everything that comes back is decoded as plain data of bounded size; a box that says anything else is broken.
"""

import contextlib
import marshal
import shutil
import socket
import subprocess
import tempfile
from typing import Any

from rollmill.pipelines.processes.frames import BadFrame, framed, read_frame
from rollmill.pipelines.processes.spawn import spawn
from rollmill.pipelines.sandbox.guest import wire
from rollmill.pipelines.sandbox.guest.frames import ANSWER_LIMIT
from rollmill.pipelines.sandbox.launch import launch
from rollmill.pipelines.sandbox.programs import Mode, SandboxLimits

_START_SECONDS = 60.0  # a busy machine may take long to build the namespaces
_GRACE_SECONDS = 30.0  # beyond a program's own limit, within which the keeper must have ended it


class BoxBroken(Exception):  # noqa: N818 - names what happened
    """The keeper ended, did not answer in time, or answered nonsense."""


class Box:
    """A started keeper. One job at a time; not thread-safe."""

    def __init__(self, mode: Mode, limits: SandboxLimits) -> None:
        self.folder = tempfile.mkdtemp(prefix="rollmill-box-") if mode == "none" else ""
        self.limits = limits
        self.socket, theirs = socket.socketpair()
        started = launch(mode, limits, self.folder)
        try:
            self.process = spawn(
                started.command,
                started.environment,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
            )
        except BaseException:
            self.socket.close()
            self._remove_folder()
            raise
        finally:
            # The keeper's end: while a copy is open here, reading would not notice the keeper's death.
            theirs.close()
        try:
            if self.exchange(marshal.dumps(tuple(started.settings)), _START_SECONDS) != b"ready":
                raise BoxBroken(self.log_tail())
        except BaseException:
            self.close()
            raise

    def run(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """The keeper's answer to one job. BoxBroken when there is none."""
        # marshal out but not back: loading it from a process that may have been taken over is not safe.
        raw = self.exchange(marshal.dumps(job), self.limits.wall_seconds + _GRACE_SECONDS)
        try:
            answer = wire.decode(raw, ANSWER_LIMIT)
        except wire.WireError as error:
            raise BoxBroken(f"its answer is no message: {error}") from None
        if type(answer) is not tuple or len(answer) != 8:
            raise BoxBroken("its answer has another form")
        return answer

    def exchange(self, message: bytes, seconds: float) -> bytes:
        """Send one frame and wait for one."""
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(framed(message))
            answer = read_frame(self.socket.recv, ANSWER_LIMIT)
        except TimeoutError:
            raise BoxBroken(f"no answer in {seconds:.0f} s") from None
        except BadFrame:
            raise BoxBroken("its answer is too large") from None
        except OSError as error:
            raise BoxBroken(f"{error}. {self.log_tail()}") from None
        if answer is None:
            raise BoxBroken(f"it ended. {self.log_tail()}")
        return answer

    def _remove_folder(self) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self) -> str:
        """Last lines of an ended keeper's standard error: the reason when it could not start."""
        self.process.kill()
        assert self.process.stderr is not None
        words = self.process.stderr.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        return words[-1] if words else "it said nothing"

    def close(self) -> None:
        """End the keeper and with it every process in the box."""
        self.socket.close()
        # A keeper whose socket is closed ends by itself; the kill is for one that hangs.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self._remove_folder()
