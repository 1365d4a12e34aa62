"""Facts from Linux's /proc: processes alive, since when, their parents, their use, who listens; the processor. Needs no
library.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"  # state of a socket in /proc/net/tcp


def hardware() -> str:
    """The processor of this machine, and how many of its cores this process may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else os.uname().machine}, {cores} {'core' if cores == 1 else 'cores'}"


class Stat(NamedTuple):
    """Fields of /proc/PID/stat. `started` is in clock ticks since boot, `cpu` and `cpu_of_dead_children` in seconds."""

    state: str
    parent: int
    session: int
    cpu: float
    cpu_of_dead_children: float
    started: int

    @property
    def lives(self) -> bool:
        """True if the process still runs; a zombie does not."""
        return self.state not in ("Z", "X")


def stat(pid: int) -> Stat | None:
    """Status of a process; None if there is none of this number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the command's name before it may hold spaces and brackets
    tick = os.sysconf("SC_CLK_TCK")
    own, dead = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return Stat(fields[0], int(fields[1]), int(fields[3]), own / tick, dead / tick, int(fields[19]))


def everyone() -> Iterator[tuple[int, Stat]]:
    """All processes that can be seen from here."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - several hundred paths, just to read their names
        if name.isdigit() and (known := stat(int(name))) is not None:
            yield int(name), known


def listeners_are_listed() -> bool:
    """True where the kernel tells who listens; without /proc nobody does."""
    return os.access("/proc/net/tcp", os.R_OK)


def listens_here(port: int, root: int | None = None) -> bool:
    """True if a process of this user or of root, and of nobody else, listens at a port. Another user may take one that was
    free a moment ago, and reads what is sent there. Without /proc it cannot be told, and is taken for true.

    `root`: process of this user that, with its descendants, alone may listen there.
    """
    if not listeners_are_listed():
        return True
    sockets = set()
    for protocol in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a system without IPv6
            for fields in map(str.split, Path(f"/proc/net/{protocol}").read_text(encoding="ascii").splitlines()[1:]):
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add((int(fields[7]), f"socket:[{fields[9]}]"))
    own = {socket for owner, socket in sockets if owner == os.geteuid()}
    if not sockets or not {owner for owner, _ in sockets} <= {os.geteuid(), 0}:
        return False
    return root is None or own <= _files(tree(root))


def _files(processes: Iterable["SystemProcess"]) -> set[str]:
    """Files and sockets that processes have open."""
    files = set()
    for member in processes:
        with contextlib.suppress(OSError):
            for descriptor in os.scandir(f"/proc/{member.pid}/fd"):
                with contextlib.suppress(OSError):
                    files.add(os.readlink(descriptor))  # noqa: PTH115 - no path: the name of a socket
    return files


@dataclass(frozen=True, slots=True)
class SystemProcess:
    """A process id with its start time (clock ticks since boot), so that a reused id is not taken for the same process."""

    pid: int
    started: int

    def alive(self) -> bool:
        """True while exactly this process runs (a zombie does not)."""
        now = stat(self.pid)
        return now is not None and now.lives and now.started == self.started

    def signal(self, number: int) -> None:
        """Send a signal to exactly this process; does nothing once it has ended."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, patience: float = 10.0) -> None:
        """SIGTERM, then SIGKILL to its process group when it has not ended after `patience` seconds."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.alive():
            os.killpg(self.pid, signal.SIGKILL) if os.getpgid(self.pid) == self.pid else os.kill(self.pid, signal.SIGKILL)


def process(pid: int) -> SystemProcess:
    """The process that has this id now; one that is never alive if there is none."""
    now = stat(pid)
    return SystemProcess(pid, -1 if now is None else now.started)


def tree(root: int) -> dict[SystemProcess, Stat]:
    """A process and its descendants, from one look at all processes."""
    processes = dict(everyone())
    members = {root} & processes.keys()
    while more := {pid for pid, known in processes.items() if known.parent in members} - members:
        members |= more
    return {SystemProcess(pid, processes[pid].started): processes[pid] for pid in sorted(members)}


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process, its living descendants, and those that they have collected."""
    return sum(member.cpu + member.cpu_of_dead_children for member in tree(root).values())


def kill_tree(root: int) -> None:
    """SIGKILL to a process, its group if it leads one, and its descendants."""
    # Read before anybody dies: the children of a dead process have another parent and are not found any more.
    members = tree(root)
    with contextlib.suppress(OSError):
        os.killpg(root, signal.SIGKILL)
    for member in members:
        member.signal(signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Send SIGKILL to the remaining processes of a session whose leader is gone and collected."""
    if stat(leader) is not None:
        return  # another process with its number, which a living session's name keeps from being given
    for pid, known in everyone():
        if known.session == leader:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
