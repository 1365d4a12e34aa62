"""Guard of a tree of processes: it leaves nothing of the tree behind, whichever process dies first and however.

vLLM is such a tree; some of its processes outlive a kill -9 of their parent. The guard starts it, adopts what loses its
parent (subreaper), and ends all of it as soon as we are gone (our end of its standard input closes, and the kernel says so)
or the first process has ended; then it removes their shared memory and temporary files. Run by `spawn.GuardedProgram` as
`python -I guard.py [--keep FD,FD] [--grace SECONDS] COMMAND...`: the descriptors are the command's. With a grace it gets
SIGTERM first, and the log says what happened to it.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# -I: no variable and no folder of the command leads to another package.
sys.path.append(str(Path(__file__).parents[3]))
from rollmill.pipelines.processes.child import adopt_orphans, die_with_parent

TRACKER_SECONDS = 5.0  # that resource trackers have to remove shared memory
_KILLED = -int(signal.SIGKILL)
_LIFELINE = 0  # standard input: its other end is the host's alone


def main() -> int:
    """Run the command until it ends or the host does; its exit status, 128 + n where signal n ended it."""
    host = os.getppid()
    command = sys.argv[1:]
    options: dict[str, str] = {}
    while command[0] in ("--keep", "--grace"):
        options[command[0]], command = command[1], command[2:]
    keep, grace = [int(fd) for fd in options.get("--keep", "").split(",") if fd], float(options.get("--grace", 0.0))
    wake, told = os.pipe()
    # set_wakeup_fd refuses a descriptor that may block.
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    # Only a signal with a handler in Python is written to the wakeup descriptor; the handlers themselves do nothing.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    die_with_parent(host, signal.SIGTERM)
    # Before the start: what loses its parent earlier would go to init and not be found again.
    adopt_orphans()
    place = tempfile.mkdtemp(prefix="rollmill-")
    # It dies with the guard. No thread is here that a function between fork and exec could meet.
    child = subprocess.Popen(
        command,
        pass_fds=keep,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": place},
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    # The guard outlives the command: a copy kept here would hide the end of the command's pipe from the host.
    for fd in keep:
        os.close(fd)
    status = _watch(child, wake, grace)
    if grace:
        _log(f"the server has ended with status {status}")
    _end_all()
    shutil.rmtree(place, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _watch(child: "subprocess.Popen[bytes]", wake: int, grace: float) -> int:
    """Wait for the first death. A signal other than a child's means: end."""
    while True:
        ready, _, _ = select.select([_LIFELINE, wake], [], [])
        told = os.read(wake, 64) if wake in ready else b""
        # Looked at first: where the host goes at the same moment, the command's own exit status still counts.
        ended = child.poll()
        if ended is not None:
            return ended
        if _LIFELINE in ready or any(number != signal.SIGCHLD for number in told):
            why = "nobody needs it any more" if _LIFELINE in ready else "a signal"
            return _ask(child, grace, why) if grace else _KILLED


def _ask(child: "subprocess.Popen[bytes]", grace: float, why: str) -> int:
    """SIGTERM, and how it ended within the grace."""
    _log(f"ending the server: {why}")
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(grace)
    return _KILLED


def _log(text: str) -> None:
    """A line in the log, which is our own standard output."""
    with contextlib.suppress(OSError):
        os.write(1, f"rollmill: {text}\n".encode())


def _end_all() -> None:
    """Kill children until there is none: each that dies hands its own children to us.

    Python's resource trackers are left to end last: they remove the shared memory of the killed processes.
    """
    deadline = 0.0
    while pids := _children():
        others = [pid for pid in pids if not _tracks(pid)]
        # The trackers' time runs from the last look at which others lived:
        # until those are dead there may be more to remove.
        deadline = time.monotonic() + TRACKER_SECONDS if others else deadline
        for pid in others if time.monotonic() < deadline else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap()
        time.sleep(0.01)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _tracks(pid: int) -> bool:
    """True if this is a resource tracker of multiprocessing that still runs."""
    with contextlib.suppress(OSError):
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(pid) for pid in text.split()]


if __name__ == "__main__":
    sys.exit(main())
