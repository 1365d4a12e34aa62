"""Confines the keeper once, and each forked process before it sees a program: namespaces, capabilities, limits, filters.

The keeper's own walls are an unprivileged uid, a user and mount namespace of its own, and a root with nothing but what
Python needs: bubblewrap has built the first wall, this is the second, the same for root and for ordinary users. What a fork
does runs once per program, where each page touched is a page copied: as few steps as will do.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH116, PTH120, PTH208, PTH211 - pathlib would stay in the memory of every program

import os
import resource

from rollmill.pipelines.sandbox.guest import system
from rollmill.pipelines.sandbox.guest.frames import Settings

SCRATCH = "/tmp"  # noqa: S108 - the box's own, private and limited
_THREADS = 64
_INODES = 4096
_DESCRIPTORS = 256
_STRICT = system.NEWPID | system.NEWIPC | system.NEWNS | system.NEWNET | system.NEWUTS | system.NEWCGROUP
_SHARED = system.NEWPID | system.NEWIPC | system.NEWUSER


def fork(settings: Settings, *, fresh: bool) -> int:
    """Fork a process for a program or for its tests, as a child of the keeper. Returns 0 in the child, else its process id.

    `fresh`: give it namespaces of every kind. Its user namespace is made last (`confine`), so the other namespaces belong
    to the keeper's user namespace and the program has no rights over them. Otherwise it gets only the namespaces that cost
    little time.
    """
    if not settings.boxed:
        return system.clone(0)
    return system.clone(_STRICT if fresh else _SHARED)


def confine(settings: Settings, *, fresh: bool, program: bool) -> None:
    """Run in the child, whose descriptors are in order already: afterwards every limit holds.

    What every process shares is set once in the zygote and inherited: rlimits, no_new_privs, descriptors.
    """
    os.setsid()  # a process group reaches across pid namespaces: kill(0) must find nobody else in it
    if settings.boxed:
        if fresh:
            mount_scratch(settings)
        os.chdir(SCRATCH)  # by name: what is mounted there now
        if fresh:
            system.unshare(system.NEWUSER)
        system.drop_capabilities()
        system.install_filter(settings.program_filter if program else settings.tests_filter)
    else:
        system.die_with_parent()


def mount_scratch(settings: Settings) -> None:
    """A new empty scratch folder of limited size."""
    options = f"size={settings.disk_mib}m,nr_inodes={_INODES},mode=0700"
    system.mount("scratch", SCRATCH, "tmpfs", system.NOSUID | system.NODEV | system.NOEXEC, options)


def scratch_state() -> tuple[object, ...]:
    """State that differs once a program has changed the scratch folder: its names, rights, owner, attributes, change
    time.

    The change time alone would do, but it moves in ticks of milliseconds, and a program may be quicker.
    """
    try:
        stat = os.stat(SCRATCH)
        names = (*os.listdir(SCRATCH), *os.listxattr(SCRATCH))
    except OSError:
        return ()
    return (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_nlink, stat.st_ctime_ns, names)


def limit(settings: Settings) -> None:
    """The rlimits that every program inherits. The memory of a tree is a kernel bound: each process has its even share."""
    values = {
        resource.RLIMIT_AS: (settings.memory_mib << 20) // settings.processes,
        resource.RLIMIT_FSIZE: settings.disk_mib << 20,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_STACK: 8 << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    if settings.boxed:  # counted per user namespace; without one it would count the user's other processes
        values[resource.RLIMIT_NPROC] = settings.processes + _THREADS
    for which, value in values.items():
        hard = resource.getrlimit(which)[1]
        # An unprivileged process cannot raise a hard limit that is lower already.
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (lowered, lowered))


def limit_cpu(settings: Settings, pid: int) -> None:
    """The kernel's own limit on a program, whole seconds, behind the keeper's exact one."""
    seconds = int(settings.cpu_seconds) + 2
    resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))


def close_all_but(keep: tuple[int, ...]) -> None:
    """Close every descriptor above 2 that is not named."""
    start = 3
    for fd in sorted(keep):
        if fd > start:
            os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, _DESCRIPTORS)


_READ_ONLY = system.REMOUNT | system.BIND | system.RDONLY | system.NOSUID | system.NODEV


def withdraw(settings: Settings) -> None:
    """Give up privileges that bubblewrap left: called once, before the first program."""
    if settings.uid >= 0:
        system.drop_privileges(settings.uid)
    uid, gid = os.getuid(), os.getgid()
    system.unshare(system.NEWUSER | system.NEWNS)
    # setgroups first: until it is denied, an unprivileged process may not write gid_map.
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    _build(settings)


def _build(settings: Settings) -> None:
    """A new read-only root of the named folders, without /proc; earlier mounts are released."""
    # pivot_root refuses mounts with shared propagation.
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
    # mount(2) ignores flags such as RDONLY when it makes a bind: they need a remount.
    device = place.startswith("/dev/")
    system.mount("none", target, None, (_READ_ONLY & ~system.NODEV) | system.NOEXEC if device else _READ_ONLY)
