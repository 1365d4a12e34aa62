"""The verifier under test, from outside: one child process, asked row by row, killed at a limit, started again.

Limits of one row are CPU seconds of the whole process tree and, far above, seconds by the clock: a verifier that waits for
a busy machine is not a hanging one.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rollmill.ground.errors import SetupError
from rollmill.pipelines.processes.frames import BadFrame, Message
from rollmill.pipelines.processes.messages import MessageChild
from rollmill.pipelines.processes.proc import cpu_of_tree, kill_tree
from rollmill.pipelines.processes.spawn import ending, environment, module_command

_TICK = 0.25  # seconds between two looks at a child that is being waited for
_LONGEST_ANSWER = 1 << 20  # bytes
State = Literal["judged", "crash", "hang"]


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of one row: CPU seconds of the tree, seconds by the clock; of the process: seconds to start, address space.

    `late_seconds` is how long after the last row a daemon that was left behind may still spring the canary; payloads of the
    suites that come late wait one second.
    """

    cpu_seconds: float = 30.0
    wall_seconds: float = 120.0
    start_seconds: float = 180.0
    memory_bytes: int = 4 << 30
    late_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class VerifierUnderTest:
    """Verifier under test: a name as typed, its options, and the interpreter that runs it. Files are looked for from
    here.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def place(self) -> str:
        """The name with its file, if it names one, by its whole path: the child works in a folder of its own."""
        path, colon, attribute = self.name.rpartition(":")
        return f"{Path(path).absolute()}:{attribute}" if colon and path.endswith(".py") else self.name


@dataclass(frozen=True, slots=True)
class VerifierObservation:
    """Observation of a row."""

    state: State
    outcome: str | None = None
    detail: str = ""
    seconds: float = 0.0
    changed: bool = False


class _Limit(Exception):  # noqa: N818 - says which was reached
    """A row took too much."""


class VerifierProcess:
    """A child process that judges rows; a new one replaces it whenever it dies or is killed."""

    def __init__(self, subject: VerifierUnderTest, limits: ProcessLimits, folder: Path, secret: str = "") -> None:
        self.subject, self.limits, self._folder, self._secret = subject, limits, folder, secret
        self._process: MessageChild | None = None
        self._nonce = 0
        self.introduction = self._start()

    def ask(self, row: Mapping[str, Any]) -> VerifierObservation:
        """The verdict on a row, or the reason for its absence."""
        process = self._process
        if process is None:
            self._start()
            process = self._process
        assert process is not None
        self._nonce += 1
        started = time.monotonic()
        try:
            reply = self._reply(
                process, {"nonce": self._nonce, "row": row}, self.limits.wall_seconds, self.limits.cpu_seconds
            )
        except _Limit as limit:
            self.close()
            return VerifierObservation("hang", None, str(limit), time.monotonic() - started)
        seconds = time.monotonic() - started
        if isinstance(reply, dict):
            return _observation(reply, seconds)
        self.close()
        return VerifierObservation("crash", None, reply, seconds)

    def close(self) -> None:
        """End the process and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            # The tree first: once the child is collected, its descendants have another parent.
            kill_tree(process.pid)
            process.kill()

    def _start(self) -> dict[str, Any]:
        """Start the child; its introduction (name, version, suite)."""
        python = self.subject.python
        if os.sep in python:  # a bare name is found on the PATH
            python = str(Path(python).absolute())
        self._process = process = MessageChild(
            module_command("rollmill.pipelines.certify.verifier_child", python=python),
            environment(os.environ.get("PYTHONPATH"), ROLLMILL_SECRET=self._secret),
            limit=_LONGEST_ANSWER,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,
        )
        # The folder that the command was called in comes last: a verifier may lie in it, but no module of it hides another.
        hello: Message = {"verifier": self.subject.place, "options": dict(self.subject.options), "folder": str(Path.cwd())}
        self._nonce = 0
        hello["memory_bytes"] = self.limits.memory_bytes
        try:
            reply = self._reply(process, hello, self.limits.start_seconds, self.limits.start_seconds)
        except _Limit as limit:
            reply = str(limit)
        if isinstance(reply, dict) and "not_loaded" not in reply:
            return reply
        why = reply["not_loaded"] if isinstance(reply, dict) else f"its process {reply} while loading"
        self.close()
        raise SetupError(f"verifier {self.subject.name!r}: {str(why).rstrip('.')}.")

    def _reply(self, process: MessageChild, question: Message, wall: float, cpu: float) -> Message | str:
        """The answer to a question, or how the process ended; _Limit where it took too much."""
        started, used = time.monotonic(), -1.0  # a walk over /proc costs more than most rows: only for slow ones

        def check() -> None:
            nonlocal used
            now = cpu_of_tree(process.pid)
            used = now if used < 0 else used
            if now - used > cpu:
                raise _Limit(f"more than {cpu:g} CPU seconds")
            if time.monotonic() - started > wall:
                raise _Limit(f"no answer in {wall:g} s")

        try:
            message = process.receive(_TICK, check) if process.send(question) else None
            # An answer to another question is skipped; an introduction has no nonce, which counts as 0.
            while message is not None and message.get("nonce", 0) != self._nonce:
                message = process.receive(_TICK, check)
        except BadFrame as error:
            return f"sent {error}"
        if message is not None:
            return message
        status = process.status()
        if status is None:
            return "closed its output"
        return f"ended {'by' if status < 0 else 'with'} {ending(status)}"


def _observation(reply: Mapping[str, Any], seconds: float) -> VerifierObservation:
    changed = bool(reply.get("changed"))
    if "raised" in reply:
        return VerifierObservation("crash", None, f"raised {reply['raised']}", seconds, changed)
    detail = " ".join(part for part in (reply.get("rule", ""), reply.get("cause", "")) if part)
    return VerifierObservation("judged", str(reply["outcome"]), detail, float(reply.get("seconds", seconds)), changed)
