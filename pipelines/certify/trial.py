"""The verifier under test, from outside: one child process, asked row by row, killed at a limit, started again.

Limits of one row are CPU seconds of the whole process tree and, far above, seconds by the clock: a verifier that waits for
a busy machine is not a hanging one. Knows nothing of what is right.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from storage.errors import SetupError

_ROOT = Path(__file__).resolve().parents[2]
_TICK = 0.25
State = Literal["judged", "crash", "hang"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one row: CPU seconds of the tree, seconds by the clock; of the process: seconds to start, address space.

    `late_seconds` is how long after the last row a daemon that was left behind may still spring the canary; payloads of the
    suites that come late wait one second.
    """

    cpu_seconds: float = 30.0
    wall_seconds: float = 120.0
    start_seconds: float = 180.0
    memory_bytes: int = 4 << 30
    late_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: a name as typed, its options, and the interpreter that runs it. Files are looked for from here."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def place(self) -> str:
        """The name with its file, if it names one, by its whole path: the child works in a folder of its own."""
        path, colon, attribute = self.name.rpartition(":")
        return f"{Path(path).absolute()}:{attribute}" if colon and path.endswith(".py") else self.name


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one row."""

    state: State
    outcome: str | None = None
    detail: str = ""
    seconds: float = 0.0
    changed: bool = False


class Trial:
    """A child process that judges rows; a new one replaces it whenever it dies or is killed."""

    def __init__(self, subject: Subject, limits: Limits, folder: Path, secret: str = "") -> None:
        self.subject, self.limits, self._folder, self._secret = subject, limits, folder, secret
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._nonce = 0
        self.introduced = self._start()

    def ask(self, row: Mapping[str, Any]) -> Seen:
        """The verdict on a row, or how there came to be none."""
        if self._process is None:
            self._start()
        self._nonce += 1
        started = time.monotonic()
        sent = self._send({"nonce": self._nonce, "row": row})
        reply = self._reply(self.limits.wall_seconds, self.limits.cpu_seconds) if sent else None
        seconds = time.monotonic() - started
        if isinstance(reply, dict):
            return _seen(reply, seconds)
        detail = reply or self._death()
        self.close()
        return Seen("hang" if reply else "crash", None, detail, seconds)

    def close(self) -> None:
        """End the process and everything it started."""
        process, self._process, self._buffer = self._process, None, b""
        if process is None:
            return
        tree = _tree(process.pid)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        for member in tree:
            with contextlib.suppress(psutil.Error):
                member.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> dict[str, Any]:
        """Start the child; its introduction (name, version, suite)."""
        inherited = os.environ.get("PYTHONPATH", "")
        path = os.pathsep.join(part for part in (str(_ROOT), inherited) if part)
        self._process = subprocess.Popen(
            [_interpreter(self.subject.python), "-P", "-m", "pipelines.certify.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "ROLLMILL_SECRET": self._secret},
            cwd=self._folder,
            bufsize=0,
            start_new_session=True,
        )
        # The folder that the command was called in comes last: a verifier may lie in it, but no module of it hides another.
        hello = {"verifier": self.subject.place, "options": dict(self.subject.options), "folder": str(Path.cwd())}
        self._nonce = 0
        sent = self._send({**hello, "memory_bytes": self.limits.memory_bytes})
        reply = self._reply(self.limits.start_seconds, self.limits.start_seconds) if sent else None
        if isinstance(reply, dict) and "not_loaded" not in reply:
            return reply
        why = reply["not_loaded"] if isinstance(reply, dict) else f"its process {reply or self._death()} while loading"
        self.close()
        raise SetupError(f"verifier {self.subject.name!r}: {str(why).rstrip('.')}.")

    def _send(self, message: Mapping[str, Any]) -> bool:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            line = memoryview(json.dumps(message).encode("ascii") + b"\n")
            while line:
                line = line[self._process.stdin.write(line) :]
        except OSError:
            return False
        return True

    def _reply(self, wall: float, cpu: float) -> dict[str, Any] | str | None:
        """The answer to the last question; a text that names the limit that was reached; None when the process is gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        poller = select.poll()
        poller.register(self._process.stdout, select.POLLIN | select.POLLHUP)
        started, used = time.monotonic(), None  # a walk over /proc costs more than most rows: only for slow ones
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                message = _message(line)
                if message is not None and message.get("nonce", 0) == self._nonce:
                    return message
                continue
            if poller.poll(_TICK * 1000):
                read = self._process.stdout.read(1 << 16)
                if not read:
                    return None
                self._buffer += read
            elif used is None:
                used = _cpu(self._process.pid)
            elif _cpu(self._process.pid) - used > cpu:
                return f"more than {cpu:g} CPU seconds"
            elif time.monotonic() - started > wall:
                return f"no answer in {wall:g} s"

    def _death(self) -> str:
        """How the process ended, once it is gone."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"ended by signal {-status}" if status < 0 else f"ended with exit status {status}"


def _interpreter(python: str) -> str:
    """The interpreter by its whole path, unless it is a bare name to be found on the PATH."""
    return str(Path(python).absolute()) if os.sep in python else python


def _seen(reply: Mapping[str, Any], seconds: float) -> Seen:
    changed = bool(reply.get("changed"))
    if "raised" in reply:
        return Seen("crash", None, f"raised {reply['raised']}", seconds, changed)
    detail = " ".join(part for part in (reply.get("rule", ""), reply.get("cause", "")) if part)
    return Seen("judged", str(reply["outcome"]), detail, float(reply.get("seconds", seconds)), changed)


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu(pid: int) -> float:
    """CPU seconds of a process, its living descendants, and those it has collected."""
    total = 0.0
    for member in _tree(pid):
        with contextlib.suppress(psutil.Error):
            times = member.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
