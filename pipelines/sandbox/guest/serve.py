"""The keeper's loop: has a process forked for each job, watches it, kills it, reports what became of it.

One process runs the dataset's tests of program after program as long as it says that their tests read as harmless and
nothing about a run was out of order; otherwise the next program gets a new one. What runs in it is the dataset's, never a
program's.
"""

import contextlib
import marshal
import os
import select
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket, socketpair
from typing import Any

from rollmill.pipelines.sandbox.guest import frames, isolation, system, wire
from rollmill.pipelines.sandbox.guest.frames import Settings
from rollmill.pipelines.sandbox.guest.tester import AS_BEFORE, CHANGED
from rollmill.pipelines.sandbox.guest.watch import Watch
from rollmill.pipelines.sandbox.guest.zygote import PROGRAM, READY, TESTS, Zygote

_MOST_PROGRAMS = 1000  # then a new process for tests, so that nothing grows in it for ever


class Testing:
    """Starts the tests of one program after the other."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.pid = 0
        self.control: socket | None = None
        self.served = 0
        self.ready = False

    def prepare(self) -> socket:
        """Ensure that a process waits for a job."""
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


_IDLE_MS = 20  # with no job for so long there is time to wait for killed processes
_MOST_DYING = 16  # zombies: beyond this they are waited for, whether there is time or not


class ProgramCell:
    """A confined process that waits for its job, and the keeper's ends of its descriptors."""

    def __init__(self, zygote: Zygote, settings: Settings) -> None:
        mine, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        self.channel, channel = mine.detach(), theirs.detach()
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        self.pid = zygote.fork(PROGRAM, channel, stdout, stderr)
        isolation.limit_cpu(settings, self.pid)
        for fd in (channel, stdout, stderr):
            os.close(fd)

    def require_ready(self) -> None:
        """OSError if the process ended before it was confined; the box then ends, and the job is tried in another one."""
        if os.read(self.channel, 1) != READY:
            raise OSError("the process for a program ended before there was a program in it")

    def close(self) -> None:
        """Close open descriptors."""
        for fd in (self.channel, self.stdout, self.stderr):
            os.close(fd)


class Keeper:
    """Serves one host until it hangs up."""

    def __init__(self, host: int, settings: Settings) -> None:
        self.host = frames.FrameReader(host, frames.JOB_LIMIT)
        self.settings = settings
        self.zygote = Zygote(settings)
        self.testing = Testing(self.zygote)
        self.tested = False
        self.dying: list[int] = []
        self.untouched = isolation.scratch_state() if settings.mode == "shared" else ()

    def serve(self) -> None:
        """Until the host hangs up. A cell is made before its job is there, so the host does not wait for it."""
        poll = select.poll()
        poll.register(self.host.fd, select.POLLIN)
        while True:
            cell = ProgramCell(self.zygote, self.settings)
            if self.tested:
                self.testing.prepare()
            if self.dying:
                self.bury(everybody=not poll.poll(_IDLE_MS))
            raw = self.host.receive()
            if raw is None:
                return
            answer = self.run(cell, *marshal.loads(raw))  # noqa: S302 - from the host
            frames.send(self.host.fd, answer)

    def run(self, cell: ProgramCell, kind: str, source: str, extra: Any) -> bytes:
        """Run one job to its end; the answer for the host."""
        cell.require_ready()
        self.tested = kind == "tested"
        if self.tested:
            self.testing.require_ready()  # before the program runs, which could stand in its way
        watch = Watch(self.settings, self.host.fd, cell.pid, (cell.stdout, cell.stderr))
        job = marshal.dumps((kind, source, None if kind == "tested" else extra))
        with contextlib.suppress(OSError):  # it died before its job: its exit status tells
            frames.send(cell.channel, job)
        tests_status = None
        if self.tested:
            tests, report = self.testing.start(cell.channel, *extra)
            watch.until_tests_end(tests, report)
            record = watch.finish(self.dying)
            os.close(report)
            tests_status = self.testing.end(record[0], record[6], self.dying)
        else:
            watch.until_program_ends(cell.channel)
            record = watch.finish(self.dying)
        cell.close()
        self.clean()
        return wire.encode((*record, tests_status), frames.ANSWER_LIMIT)

    def clean(self) -> None:
        """Leave nothing to the next program (mode shared): a new scratch folder, unless nothing has touched this one."""
        if self.settings.mode == "shared" and isolation.scratch_state() != self.untouched:
            system.unmount(isolation.SCRATCH)
            isolation.mount_scratch(self.settings)
            self.untouched = isolation.scratch_state()

    def bury(self, *, everybody: bool) -> None:
        """Reap killed processes: those that are gone, or all when there is time or there are too many."""
        options = 0 if everybody or len(self.dying) > _MOST_DYING else os.WNOHANG
        self.dying[:] = [pid for pid in self.dying if os.waitpid(pid, options)[0] == 0]
