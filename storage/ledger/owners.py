"""Who owns a lease or an unfinished file: a process, told from a later one with the same number by its start time.

Knows nothing of the database. Liveness of a process on another host cannot be seen from here and is reported as unknown.
"""

import functools
import hashlib
import os
import secrets
import socket
from dataclasses import dataclass

# psutil derives the start time from the boot time, which moves when the system clock is corrected.
_CLOCK_SLACK = 5.0


@dataclass(frozen=True, slots=True)
class Owner:
    """One process: host, process number, start time in seconds since 1970."""

    host: str
    pid: int
    started: float

    def alive(self) -> bool | None:
        """True or False on this host; None for a process of another host."""
        if self.host not in (_host(), _host_token(_host())):
            return None
        return _runs(self.pid, self.started)


def this_process() -> Owner:
    """The owner of everything this process does (right also after a fork)."""
    return _owner(os.getpid())


def new_file_id() -> str:
    """A fresh id, 44 hex digits: 16 random, then host, process number and start time of its maker.

    An unregistered file can so be told to be dead or still in the making by its name alone.
    """
    owner = this_process()
    stamp = int(owner.started * 1000)
    return f"{secrets.token_hex(8)}{_host_token(owner.host)}{owner.pid:08x}{stamp:012x}"


def maker_of(file_id: str) -> Owner | None:
    """The process that made this id, its host as a token; None where the text is no such id."""
    if len(file_id) != 44:
        return None
    try:
        int(file_id, 16)
        return Owner(file_id[16:24], int(file_id[24:32], 16), int(file_id[32:44], 16) / 1000)
    except ValueError:
        return None


@functools.lru_cache(maxsize=2)
def _owner(pid: int) -> Owner:
    import psutil

    return Owner(_host(), pid, float(psutil.Process(pid).create_time()))


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


def _runs(pid: int, started: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(float(process.create_time()) - started) < _CLOCK_SLACK
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
