"""Refusals of the operating system and of the database as one line for a person. Knows nothing of segments or runs.

A full disk, a read-only folder and a locked ledger are things a user can mend: they become a SetupError. Everything else
passes unchanged, because it is a bug of ours.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import SetupError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def full_disk(where: str) -> SetupError:
    """The error for a disk, quota or size limit that is reached."""
    return SetupError(
        f"no space left to write {where}; everything committed before is safe.",
        next_command="free some space and run the same command again",
    )


def read_only(where: str) -> SetupError:
    """The error for a place that may not be written."""
    return SetupError(
        f"{where} is read-only for this user.", next_command="make it writable or work on a copy of the workspace"
    )


def no_right(where: str) -> SetupError:
    """The error for a place that may not be read."""
    return SetupError(f"{where} may not be read by this user.", next_command="change its owner or its rights")


@contextmanager
def explained(where: Path | str) -> Iterator[None]:
    """Turns an OSError about space or permission into a SetupError that names `where`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full_disk(str(where)) from error
        if error.errno in _REFUSED:
            raise (read_only if _readable(where) else no_right)(str(where)) from error
        raise


def _readable(where: Path | str) -> bool:
    """Whether reading is not what was refused: the folder lets one in, and the place can be read if it is there."""
    return os.access(Path(where).parent, os.X_OK) and (os.access(where, os.R_OK) or not os.path.lexists(where))


def ledger_error(message: str, where: str) -> SetupError | None:
    """The SetupError for what SQLite or PostgreSQL said, or None where the words are not a known refusal."""
    text = message.lower()
    if "disk is full" in text or "no space left" in text or "disk i/o error" in text:
        return full_disk(f"the ledger {where}")
    if "readonly" in text or "read-only" in text:
        return read_only(f"the ledger {where}")
    if "unable to open" in text:
        return SetupError(
            f"the ledger {where} cannot be opened.",
            next_command="check its folder and permissions; where it is lost: rollmill doctor --rebuild",
        )
    if "database is locked" in text:
        return SetupError(f"another process has locked the ledger {where} for over a minute.", next_command="run it again")
    if "not a database" in text or "malformed" in text:
        return SetupError(
            f"the ledger {where} is damaged.",
            next_command="restore it from a copy, or move it away and register the "
            "segments, which are untouched, anew: rollmill doctor --rebuild",
        )
    if "fatal:" in text or "permission denied" in text:
        lines = [
            line.partition("FATAL:")[2] or line for line in message.splitlines() if "FATAL:" in line or "denied" in line
        ]
        said = (lines or [message])[-1].strip()
        return SetupError(
            f"the database at {where} refuses: {said}.", next_command="correct [ledger] url, the user's password or rights"
        )
    if "connection refused" in text or "could not translate host" in text or "connection failed" in text:
        return SetupError(f"no database answers at {where}.", next_command="start it or correct the ledger url")
    return None
