"""How a child ended, and what it said last: words for its exit status, the end of its log."""

import os
import signal
import tempfile
from pathlib import Path

TAIL = 64 << 10  # bytes of a log that are looked at
ITS_OWN = frozenset(
    (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGPROF, signal.SIGXCPU)
)
"""Signals that a process gets for what it does itself; any other was sent by somebody, or by a system without memory."""


def ending(status: int) -> str:
    """`signal 9` or `exit status 3`; verdicts hold these words, so they stay as they are."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def by_somebody(status: int) -> bool:
    """Whether somebody else ended it: a person, or the system for want of memory."""
    return status < 0 and -status not in ITS_OWN


class Log:
    """The file for what one start of a child prints; earlier starts' lines before it are not its own.

    `most`: bytes beyond which the file of earlier starts is put aside. Readable by its owner alone.
    """

    def __init__(self, path: Path | None, most: int | None = None) -> None:
        if path is None:
            number, name = tempfile.mkstemp(prefix="rollmill-", suffix=".log")
            os.close(number)
            path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if most is not None and path.exists() and path.stat().st_size > most:
            path.replace(path.with_suffix(".old.log"))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
        self.path, self._begin = path, path.stat().st_size

    def lines(self) -> list[str]:
        """The last lines of this start that say something."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._begin, file.seek(0, os.SEEK_END) - TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]
