"""The keeper's own walls: an unprivileged uid, its own user and mount namespace, a root with nothing but what Python needs.

bubblewrap has built the first wall; this is the second, the same for root and for ordinary users.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH120, PTH211 - pathlib would stay in the memory of every program

import os

from pipelines.sandbox.guest import system
from pipelines.sandbox.guest.box_settings import Settings
from pipelines.sandbox.guest.isolation import SCRATCH

_READ_ONLY = system.REMOUNT | system.BIND | system.RDONLY | system.NOSUID | system.NODEV


def withdraw(settings: Settings) -> None:
    """Leave what bubblewrap gave for less: called once, before the first program."""
    if settings.uid >= 0:
        system.become_ordinary(settings.uid)
    uid, gid = os.getuid(), os.getgid()
    system.unshare(system.NEWUSER | system.NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    _build(settings)


def _build(settings: Settings) -> None:
    """A new root out of the folders named, read-only, without /proc; what was mounted before is let go."""
    system.mount("none", "/", None, system.REC | system.PRIVATE)
    system.mount("root", SCRATCH, "tmpfs", system.NOSUID | system.NODEV, "size=1m,mode=0755")
    for place in settings.binds:
        _bind(place, SCRATCH + place)
    for link, target in settings.links:
        os.symlink(target, SCRATCH + link)
    os.mkdir(SCRATCH + SCRATCH)
    system.enter_root(SCRATCH)
    system.mount("none", "/", None, _READ_ONLY)


def _bind(place: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(place):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    system.mount(place, target, None, system.BIND)
    device = place.startswith("/dev/")
    system.mount("none", target, None, (_READ_ONLY & ~system.NODEV) | system.NOEXEC if device else _READ_ONLY)
