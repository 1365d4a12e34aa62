"""Stands between the host and the child, and leaves nothing of the child behind, whoever dies first and however.

vLLM is a tree of processes, some of which outlive a kill -9 of their parent. The guard starts that tree, adopts what loses
its parent (subreaper), and ends all of it as soon as the host is gone (its end of a pipe closes, and the kernel says so)
or the child has ended; then it removes their shared memory and temporary files. Run as
`python -I guard.py LIFELINE [--keep FD] [--grace SECONDS] COMMAND...`: LIFELINE is the descriptor to read from, FD one
that the command gets. With a grace the child gets SIGTERM first, and the log says what happened to it. The kernel's signal
follows the thread that started the guard, so that thread has to live as long. It uses the standard library only and knows
no vLLM.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRACKER_SECONDS = 5.0
_KILLED = -int(signal.SIGKILL)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> int:
    """Run the command until it ends or the host does; its exit status, 128 + n where signal n ended it."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    options: dict[str, str] = {}
    while command[0] in ("--keep", "--grace"):
        options[command[0]], command = command[1], command[2:]
    keep, grace = [int(options["--keep"])] if "--keep" in options else [], float(options.get("--grace", 0.0))
    host = os.getppid()
    wake, said = os.pipe()
    os.set_blocking(said, False)
    signal.set_wakeup_fd(said)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != host:
        return 1
    place = tempfile.mkdtemp(prefix="rollmill-vllm-")
    # It dies with the guard. No thread is here that a function between fork and exec could meet.
    child = subprocess.Popen(
        command,
        pass_fds=keep,
        stdin=None if keep else subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": place},
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0),  # noqa: PLW1509
    )
    for fd in keep:
        os.close(fd)
    status = _watch(child, lifeline, wake, grace)
    if grace:
        _say(f"the server has ended with status {status}")
    _end_all()
    shutil.rmtree(place, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _watch(child: "subprocess.Popen[bytes]", lifeline: int, wake: int, grace: float) -> int:
    """Wait for the first death. A signal other than a child's means: end."""
    while True:
        ready, _, _ = select.select([lifeline, wake], [], [])
        told = os.read(wake, 64) if wake in ready else b""
        ended = child.poll()
        if ended is not None:
            return ended
        if lifeline in ready or any(number != signal.SIGCHLD for number in told):
            return _ask(child, grace, "nobody needs it any more" if lifeline in ready else "a signal") if grace else _KILLED


def _ask(child: "subprocess.Popen[bytes]", grace: float, why: str) -> int:
    """SIGTERM, and how it ended within the grace."""
    _say(f"ending the server: {why}")
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(grace)
    return _KILLED


def _say(text: str) -> None:
    """A line in the log, which is our own standard output."""
    with contextlib.suppress(OSError):
        os.write(1, f"rollmill: {text}\n".encode())


def _end_all() -> None:
    """Kill children until there is none: each that dies hands its own children to us.

    Python's resource trackers go last and by themselves: they remove the shared memory of those whom we killed.
    """
    deadline = 0.0
    while pids := _children():
        others = [pid for pid in pids if not _tracks(pid)]
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
    """Whether this is a resource tracker of multiprocessing that still runs."""
    with contextlib.suppress(OSError):
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(pid) for pid in text.split()]


if __name__ == "__main__":
    sys.exit(main())
