"""Starts and ends the processes that run the dataset's tests, on the keeper's side.

One process serves program after program as long as it says that their tests read as harmless and nothing about a run was
out of order; otherwise the next program gets a new one. What runs in it is the dataset's, never a program's.
"""

import marshal
import os
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket, socketpair
from typing import Any

from pipelines.sandbox.guest import frames
from pipelines.sandbox.guest.tester import AS_BEFORE, CHANGED
from pipelines.sandbox.guest.zygote import READY, TESTS, Zygote

_MOST_PROGRAMS = 1000


class Testing:
    """Starts the tests of one program after the other."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.pid = 0
        self.control: socket | None = None
        self.served = 0
        self.ready = False

    def prepare(self) -> socket:
        """See to it that there is a process that waits for a job."""
        if self.control is None:
            self.control, theirs = socketpair(AF_UNIX, SOCK_STREAM)
            self.pid = self.zygote.fork(TESTS, theirs.fileno())
            theirs.close()
            self.served = 0
            self.ready = False
        return self.control

    def require_ready(self) -> None:
        """OSError if the process ended before it was confined; the box then ends, and the job is tried in another one."""
        control = self.prepare()
        if not self.ready and control.recv(1) != READY:
            raise OSError("the process for tests ended before there were tests in it")
        self.ready = True

    def start(self, channel: int, tests: str, entry_point: str | None) -> tuple[int, int]:
        """Begin the tests of the program at `channel`: the pid, and the descriptor of the report."""
        control = self.prepare()
        reading, writing = os.pipe()
        self.served += 1
        control.sendmsg([b"+"], [(SOL_SOCKET, SCM_RIGHTS, struct.pack("ii", channel, writing))])
        os.close(writing)
        frames.send(control.fileno(), marshal.dumps((tests, entry_point)))
        return self.pid, reading

    def end(self, ended: Any, report: Any, dying: list[int]) -> int | None:
        """After the report: keep the process, or end it. Its exit status if it ended otherwise than it should."""
        unhurt = ended in ("", "done")
        if unhurt and report.endswith(AS_BEFORE) and self.served < _MOST_PROGRAMS:
            return None
        pid, self.pid = self.pid, 0
        if self.control is not None:
            self.control.close()
            self.control = None
        os.kill(pid, 9)
        if unhurt and report.endswith((AS_BEFORE, CHANGED)):
            dying.append(pid)
            return None
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
