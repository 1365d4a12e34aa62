"""One warm keeper seen from the host: start it, hand it jobs one at a time, end it. Knows no verdict and no policy.

Everything that comes back is decoded as plain data of bounded size; a box that says anything else is broken.
"""

import contextlib
import marshal
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from pipelines.sandbox.guest import wire
from pipelines.sandbox.launch import launch
from pipelines.sandbox.programs import Limits, Mode

_START_SECONDS = 60.0
_GRACE_SECONDS = 30.0
_ANSWER_LIMIT = 64 << 20


class BoxBroken(Exception):  # noqa: N818 - names what happened
    """The keeper ended, did not answer in time, or answered nonsense."""


class Box:
    """A started keeper. One job at a time; not safe for several threads at once."""

    def __init__(self, mode: Mode, limits: Limits) -> None:
        self.folder = tempfile.mkdtemp(prefix="rollmill-box-") if mode == "none" else ""
        self.limits = limits
        self.socket, theirs = socket.socketpair()
        started = launch(mode, limits, self.folder)
        try:
            self.process = _from_lasting_thread(lambda: _start(started.command, started.environment, theirs.fileno()))
        except BaseException:
            self.socket.close()
            self._remove_folder()
            raise
        finally:
            theirs.close()
        try:
            if self.exchange(marshal.dumps(tuple(started.settings)), _START_SECONDS) != b"ready":
                raise BoxBroken(self.last_words())
        except BaseException:
            self.close()
            raise

    def run(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """The keeper's answer to one job. BoxBroken when there is none."""
        raw = self.exchange(marshal.dumps(job), self.limits.wall_seconds + _GRACE_SECONDS)
        try:
            answer = wire.decode(raw, _ANSWER_LIMIT)
        except wire.WireError as error:
            raise BoxBroken(f"its answer is no message: {error}") from None
        if type(answer) is not tuple or len(answer) != 8:
            raise BoxBroken("its answer has another form")
        return answer

    def exchange(self, message: bytes, seconds: float) -> bytes:
        """Send one frame and wait for one."""
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(len(message).to_bytes(4, "little") + message)
            size = int.from_bytes(self._exactly(4), "little")
            if size > _ANSWER_LIMIT:
                raise BoxBroken("its answer is too large")
            return self._exactly(size)
        except TimeoutError:
            raise BoxBroken(f"no answer in {seconds:.0f} s") from None
        except OSError as error:
            raise BoxBroken(f"{error}. {self.last_words()}") from None

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            chunk = self.socket.recv(min(size - len(parts), 1 << 20))
            if not chunk:
                raise BoxBroken(f"it ended. {self.last_words()}")
            parts += chunk
        return bytes(parts)

    def _remove_folder(self) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def last_words(self) -> str:
        """What the ended keeper wrote to its standard error: the reason when it could not start."""
        self.process.kill()
        assert self.process.stderr is not None
        words = self.process.stderr.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        return words[-1] if words else "it said nothing"

    def close(self) -> None:
        """End the keeper and with it every process in the box."""
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self._remove_folder()


def _start(command: tuple[str, ...], environment: dict[str, str], channel: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=channel, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd="/"
    )


_requests: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
_spawner_lock = threading.Lock()
_spawner: threading.Thread | None = None


def _from_lasting_thread(start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
    """Run `start` on a thread that lives as long as the process: "die with parent" means the thread that forked."""
    global _spawner  # noqa: PLW0603 - one thread per process
    with _spawner_lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_spawn_for_ever, name="sandbox-spawner", daemon=True)
            _spawner.start()
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def task() -> None:
        try:
            answer.put(start())
        except BaseException as error:
            answer.put(error)

    _requests.put(task)
    result = answer.get()
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, subprocess.Popen)
    return result


def _spawn_for_ever() -> None:
    while True:
        _requests.get()()
