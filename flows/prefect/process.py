"""Processes told apart by id and start time, and children that die with their parent. Linux only; knows no Prefect."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.errors import SetupError

CHECKOUT = Path(__file__).resolve().parents[2]
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Process:
    """A process id with the start time (clock ticks since boot) that keeps a reused id from being taken for it."""

    pid: int
    started: int

    def alive(self) -> bool:
        """True while this very process runs (a zombie does not)."""
        state, started = _stat(self.pid)
        return state not in ("", "Z", "X") and started == self.started

    def signal(self, number: int) -> None:
        """Send a signal to this very process, or nothing when it is gone."""
        if self.alive():
            os.kill(self.pid, number)

    def end(self, patience: float = 10.0) -> None:
        """SIGTERM, then SIGKILL to its process group when it has not ended after `patience` seconds."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.alive():
            os.killpg(self.pid, signal.SIGKILL) if os.getpgid(self.pid) == self.pid else os.kill(self.pid, signal.SIGKILL)


def process(pid: int) -> Process:
    """The process that has this id now."""
    return Process(pid, _stat(pid)[1])


def _stat(pid: int) -> tuple[str, int]:
    """State letter and start time from /proc; ("", -1) when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "", -1
    fields = text.rpartition(")")[2].split()  # the command name before it may hold spaces
    return fields[0], int(fields[19])


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask the kernel for a signal when the thread that started us ends; call first thing in a child."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise SetupError("this system cannot tie a child process to its parent (prctl PR_SET_PDEATHSIG).")
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def spawn(
    arguments: Sequence[str], environment: dict[str, str], log: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (the terminal's Ctrl-C is not for it), its output in a log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(CHECKOUT), environment.get("PYTHONPATH", "")]))
    with log.open("ab") as out:
        return subprocess.Popen(
            list(arguments),
            env={**environment, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=tuple(keep),
            start_new_session=True,
        )
