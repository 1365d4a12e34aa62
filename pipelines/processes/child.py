"""The child's side of a process: moves its pipes away from its program's descriptors, ends with its parent, limits itself.

Imports little and late, as workers start by the dozen, and nothing but the standard library: a verifier under test may live
in an interpreter without our dependencies.
"""

import contextlib
import fcntl
import os
import resource
import signal
from collections.abc import Iterator
from io import FileIO

OUT_OF_THE_WAY = 500  # descriptors from here on: below are those that hostile code tries first
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def take_pipes() -> tuple[FileIO, FileIO]:
    """Standard input and output as the host's pipes, unbuffered; nothing else in this process or its children has them.

    From here on standard input is empty, and what a library prints goes where standard error goes.
    """
    requests = FileIO(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY), "rb")
    replies = FileIO(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return requests, replies


def die_with_parent(parent: int | None = None, number: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent ends. Call it first in the child. OSError if the kernel
    does not support it.

    `parent`: process id of the parent; if the parent has died already, this process exits at once. It is needed by a child
    without a pipe from its parent.
    """
    _prctl(_PR_SET_PDEATHSIG, int(number))
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def ignore_terminal() -> None:
    """Ignore the signals of a terminal (Ctrl-C, Ctrl-\\, its end), which reach a whole command: the parent acts on them."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def limit_memory(size: int) -> None:
    """No more bytes of address space than this, and no core file; nothing if the system has stricter ideas."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """SIGPROF after so many CPU seconds of this process: it ends us even in the middle of C code; waiting costs nothing."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def resident_bytes() -> int:
    """Memory in use now. Not ru_maxrss: on Linux a process inherits that from the parent that started it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - pathlib takes longer to load than this
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _prctl(what: int, value: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(what, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"this system cannot tie a child process to its parent (prctl {what}): {os.strerror(number)}")
