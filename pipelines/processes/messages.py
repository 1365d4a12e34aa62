"""A child of ours that is asked over its standard input and answers on its standard output, in messages."""

import contextlib
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rollmill.pipelines.processes.frames import MOST, Frames, Message, framed, packed, unpacked
from rollmill.pipelines.processes.spawn import spawn

CHUNK = 1 << 16  # bytes read at once: what a pipe holds
END_SECONDS = 10.0  # from the end of its output to its own


def _nothing() -> None:
    """No limit."""


class MessageChild:
    """A process and its two pipes. One thread sends and one receives at a time; any thread may kill it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, limit: int = MOST, **options: Any
    ) -> None:
        """`limit`: bytes of one message from it. `options` are Popen's; it writes its errors where we do."""
        # Unbuffered: `poll` knows nothing of bytes that a Python buffer has taken from the pipe already.
        self._process = spawn(command, environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **options)
        self._frames = Frames(limit)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: Message) -> bool:
        """Send the message; False if it did not go out whole since the child is gone."""
        assert self._process.stdin is not None
        data = memoryview(framed(packed(message, finite=False)))
        try:
            while data:
                data = data[self._process.stdin.write(data) :]
        except (OSError, ValueError):  # the second: closed under our hands
            return False
        return True

    def receive(self, tick: float | None = None, check: Callable[[], None] = _nothing) -> Message | None:
        """The next message; None at its end. BadFrame if it sent none.

        With a `tick`, `check` is called whenever so many seconds have passed without a byte; an exception from it ends the
        wait.
        """
        assert self._process.stdout is not None
        while (payload := self._frames.take()) is None:
            if tick is not None:
                self._wait(tick, check)
            try:
                data = self._process.stdout.read(CHUNK)
            except (OSError, ValueError):
                return None
            if not data:
                return None
            self._frames.feed(data)
        return unpacked(payload)

    @property
    def lives(self) -> bool:
        """True if the process runs."""
        return self._process.poll() is None

    def status(self) -> int | None:
        """The exit status of a process whose output has ended; None if that is all that has."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> int:
        """End it and collect it: its exit status. Safe to call again."""
        self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status

    def _wait(self, tick: float, check: Callable[[], None]) -> None:
        poller = select.poll()
        try:
            poller.register(self._process.stdout or -1, select.POLLIN | select.POLLHUP)
        except ValueError:  # closed under our hands, as reading will tell
            return
        while not poller.poll(tick * 1000):
            check()
