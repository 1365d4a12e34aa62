"""Child processes of tests that end when the tests do, even by SIGKILL: python tests/tied.py PARENT COMMAND...

The kernel kills a tied process when the thread that started it ends. A command keeps its process id: it replaces this one.
Linux only. Knows no test.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tied(*command: str) -> list[str]:
    """The command line of a command that dies with the calling thread of this process."""
    return [sys.executable, "-IS", __file__, str(os.getpid()), *command]


def die_with(parent: int) -> None:
    """Die with this process, which started us; call first thing, as a parent may be gone before it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
