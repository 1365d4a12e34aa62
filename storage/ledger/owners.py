"""Owners of leases and unfinished files: a process, distinguished by its start from a later one with the same number.

The start is counted in the kernel's ticks since boot, not by the system's clock: after a change of the clock a live process
would look like another one, and its work would be taken over or swept away. Knows nothing of the database. The liveness of
a process on another host cannot be checked and is reported as unknown.
"""

import functools
import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import is_machine_limit

_BOOT = 32  # bits of the ticks in a start: 497 days of hundredths of a second; the boot's own bits are above them


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: host, process number, and start: its boot (16 bits), ticks since then (32 bits)."""

    host: str
    pid: int
    started: float

    def alive(self) -> bool | None:
        """True or False on this host; None for a process of another host."""
        if self.host not in (_host(), _host_token(_host())):
            return None
        if type(self.pid) is not int:  # SQLite keeps what it is given, such as `self`
            return False
        state, started = _started(self.pid)
        return state not in ("", "Z", "X") and started == self.started  # zombies and dead ones hold nothing

    def has_open(self, file: Path) -> bool | None:
        """True if it lives on this host and has the file open; None if its user lets nobody look."""
        import psutil

        try:
            files = psutil.Process(self.pid).open_files() if self.alive() else []
            return str(file.resolve()) in {each.path for each in files}
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return None


def this_process() -> Owner:
    """The owner of everything this process does (right also after a fork)."""
    return _owner(os.getpid())


def new_file_id() -> str:
    """A fresh id, 44 hex digits: 16 random, then host, process number and start time of its maker.

    So the name of an unregistered file alone shows whether its writer is dead or still at work.
    """
    owner = this_process()
    return f"{secrets.token_hex(8)}{_host_token(owner.host)}{owner.pid:08x}{int(owner.started):012x}"


def maker_of(file_id: str) -> Owner | None:
    """The process that made this id, its host as a token; None if the text is no such id."""
    if len(file_id) != 44:
        return None
    try:
        int(file_id, 16)
        return Owner(file_id[16:24], int(file_id[24:32], 16), float(int(file_id[32:44], 16)))
    except ValueError:
        return None


# By number, so that a process does not take itself for its parent after a fork.
@functools.lru_cache(maxsize=2)
def _owner(pid: int) -> Owner:
    return Owner(_host(), pid, _started(pid)[1])


@functools.lru_cache(maxsize=1)
def _host() -> str:
    """The host name and, as containers may share one, the namespace in which process numbers count."""
    try:
        return f"{socket.gethostname()}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 (a link to nowhere)
    except OSError:
        return socket.gethostname()


@functools.lru_cache(maxsize=8)
def _host_token(host: str) -> str:
    return hashlib.blake2b(host.encode(), digest_size=4).hexdigest()


def _started(pid: int) -> tuple[str, float]:
    """State letter and start of a process; an empty letter if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # the name before it may hold spaces
    except OSError as error:
        if is_machine_limit(error):
            raise
        return _state_without_proc(pid)
    # The start is field 22 of /proc/PID/stat, the state field 3. Its 48 bits are exact in a float.
    return fields[0], float(_boot() << _BOOT | int(fields[19]) & (1 << _BOOT) - 1)


@functools.lru_cache(maxsize=1)
def _boot() -> int:
    """16 bits that identify this boot."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError as error:
        if is_machine_limit(error):
            raise
        return 0
    return int.from_bytes(hashlib.blake2b(name, digest_size=2).digest(), "big")


def _state_without_proc(pid: int) -> tuple[str, float]:
    """State and start of a process on a system without /proc, by the system's clock, to the second."""
    import psutil

    # There is a /proc, so the process is gone.
    if Path("/proc/self/stat").exists():
        return "", -1.0
    try:
        return "R", float(int(psutil.Process(pid).create_time()))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "", -1.0
