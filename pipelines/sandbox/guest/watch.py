"""Supervision of a program: collects its output, enforces limits that the kernel cannot, and reports how it ended."""

import contextlib
import os
import select
import time
from _signal import SIGKILL, pidfd_send_signal  # type: ignore[import-not-found] # `signal` brings enums
from typing import Any

from rollmill.pipelines.sandbox.guest.frames import Settings

_CHUNK = 1 << 16
_BODY_LIMIT = 8 << 20
_STEP = 0.005  # seconds beyond a limit at which the watch wakes, so that it is surely passed
_SHORTLY_MS = 5
_LAST_WORDS = 0.3  # seconds that a dying program has to end by itself


class Watch:
    """A program under observation, from its job to its end."""

    def __init__(self, settings: Settings, host: int, pid: int, output: tuple[int, int]) -> None:
        self.settings = settings
        self.host = host
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.output = output
        self.started = time.monotonic()
        self.collected: dict[int, bytearray] = {fd: bytearray() for fd in output}
        self.body = -1
        self.tests = 0
        self.tests_before = 0.0
        self.ended = ""
        self.poll = select.poll()
        self.poll.register(host, 0)  # POLLHUP always comes
        for fd in output:
            os.set_blocking(fd, False)
            self.poll.register(fd, select.POLLIN)

    def until_program_ends(self, channel: int) -> None:
        """A script or calls: wait until the process ends or is killed."""
        self.add_body(channel)
        self.poll.register(self.pidfd, select.POLLIN)
        shortly = select.poll()
        shortly.register(self.host, 0)
        shortly.register(self.pidfd, select.POLLIN)
        shortly.poll(_SHORTLY_MS)  # most are over by then: their bytes wait in the buffers, and nobody is woken for each
        self.loop(self.pidfd)

    def until_tests_end(self, tests: int, report: int) -> None:
        """Watch a tested program until the report of its tests ends; its process is then of no more use."""
        self.tests, self.tests_before = tests, cpu_clock(tests)
        self.add_body(report)
        self.loop(report)
        # WNOWAIT leaves the exit status for `reap`.
        if not self.ended and os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self.grace()

    def add_body(self, fd: int) -> None:
        """Add the stream that the host decodes: replies or a report."""
        self.body = fd
        os.set_blocking(fd, False)
        self.collected[fd] = bytearray()
        self.poll.register(fd, select.POLLIN)

    def grace(self) -> None:
        """The tests are over: a dying program may finish, so that its status gives the cause."""
        if b"gone" in self.collected[self.body][-64:]:
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            if poll.poll(_LAST_WORDS * 1000):
                return
        self.ended = "done"

    def loop(self, last: int) -> None:
        """Read until the descriptor `last` is at its end or a limit is reached."""
        while not self.ended:
            for fd, _ in self.poll.poll(self.patience() * 1000):
                if fd == self.host:
                    os._exit(0)  # nobody waits for the answer, and our end takes the whole box with it
                if fd == self.pidfd or (not self.read(fd) and fd == last):
                    return

    def read(self, fd: int) -> bool:
        """Read the available bytes; False at the end of the stream."""
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            chunk = b""
        if not chunk:
            self.poll.unregister(fd)
            return False
        self.collected[fd] += chunk
        if fd == self.body:
            if len(self.collected[fd]) > _BODY_LIMIT:
                self.ended = "reply"
        elif sum(len(self.collected[out]) for out in self.output) > self.settings.output_kib << 10:
            self.ended = "output"
        return True

    def patience(self) -> float:
        """Seconds until a limit could be reached; sets `ended` when one is."""
        wall = self.settings.wall_seconds - (time.monotonic() - self.started)
        cpu = self.settings.cpu_seconds - cpu_clock(self.pid)
        of_tests = self.settings.cpu_seconds - (cpu_clock(self.tests) - self.tests_before) if self.tests else cpu
        if cpu <= 0:
            self.ended = "cpu"
        elif of_tests <= 0:
            self.ended = "tests cpu"
        elif wall <= 0:
            self.ended = "wall"
        return max(min(wall, cpu, of_tests), 0.0) + _STEP if not self.ended else 0.0

    def finish(self, dying: list[int]) -> tuple[Any, ...]:
        """Kill remaining processes, read the last bytes, reap: (ended, status, cpu, wall, stdout, stderr, body).

        A program that was only waiting for more calls is killed but not waited for: its exit takes the kernel longer than
        its run, and its status is not needed. The keeper reaps the `dying` later (strict: nothing of it is shared).
        """
        cpu = cpu_clock(self.pid)
        kill(self.pidfd, self.pid, tree=not self.settings.boxed)
        if self.ended == "done" and self.settings.mode == "strict":
            dying.append(self.pid)
            status = -SIGKILL
        else:
            status, cpu = reap(self.pid)
        for fd in (*self.output, self.body):
            while self.read_rest(fd):
                pass
        os.close(self.pidfd)
        out, err, body = (bytes(self.collected[fd]) for fd in (*self.output, self.body))
        return self.ended, status, cpu, time.monotonic() - self.started, out, err, body

    def read_rest(self, fd: int) -> bool:
        """Read the output written before the end; bounded by the pipe."""
        limit = _BODY_LIMIT if fd == self.body else self.settings.output_kib << 10
        try:
            chunk = os.read(fd, _CHUNK)
        except OSError:
            return False
        self.collected[fd] += chunk
        if len(self.collected[fd]) > limit:
            self.ended = self.ended or ("reply" if fd == self.body else "output")
            return False
        return bool(chunk)


def cpu_clock(pid: int) -> float:
    """CPU seconds of a process so far, threads included; 0 once it is gone."""
    try:
        # The kernel's number for a process's CPU clock, which clock_getcpuclockid gives; Python has no such call.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def kill(pidfd: int, pid: int, *, tree: bool) -> None:
    """End a program. The kernel ends the rest of its pid namespace; without one there is only its process group."""
    if tree:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        pidfd_send_signal(pidfd, SIGKILL)


def reap(pid: int) -> tuple[int, float]:
    """Exit status (negative: the signal) and CPU seconds of an ended child."""
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
