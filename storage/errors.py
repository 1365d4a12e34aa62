"""The errors a person may see, and refusals of the operating system and of the database as such errors.

RollmillError
 +- SetupError        the user can mend it: one line, no traceback, exit status 2
 +- FoundWanting      the command worked and its answer is "no": exit status 1
 +- CorruptSegment    a registered file is missing or does not match its checksum

A full disk, a read-only folder and a locked ledger are things a user can mend: they become a SetupError. Every other error
passes unchanged, because it is a bug of ours.
"""

import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_CHOICES = 40  # that a message names: a workspace may have hundreds of runs


class RollmillError(Exception):
    """Anything Rollmill says on purpose; everything else that is raised is a bug of ours."""


class SetupError(RollmillError):
    """A mistake the user can mend: names the value, the valid choices and the next command."""

    def __init__(self, message: str, *, choices: Iterable[str] = (), next_command: str | None = None) -> None:
        self.message = message
        self.choices = tuple(choices)
        self.next_command = next_command
        super().__init__(self.text())

    def text(self) -> str:
        """The whole message on one line."""
        parts = [self.message]
        if self.choices:
            more = f" and {len(self.choices) - MOST_CHOICES:,} more" if len(self.choices) > MOST_CHOICES else ""
            parts.append(f"Valid: {', '.join(self.choices[:MOST_CHOICES])}{more}.")
        if self.next_command:
            parts.append(f"Next: {self.next_command}")
        return " ".join(parts)


class FoundWanting(RollmillError):  # noqa: N818 - not an error of anybody
    """A check ran to its end and said no (a failed gate, a version that does not verify)."""

    def __init__(self, message: str, *, next_command: str | None = None) -> None:
        self.message = message
        self.next_command = next_command
        super().__init__(message if next_command is None else f"{message}\nNext: {next_command}")


class CorruptSegment(RollmillError):  # noqa: N818 - names what was found
    """A registered segment file is missing or differs from its recorded checksum."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"segment {path} is {problem}")


def broken(what: str) -> SetupError:
    """A method, maybe a user's own, that does not give what its role owes (pipelines/protocols.py)."""
    return SetupError(f"{what}.", next_command="mend it and run the same command again; what was drawn is kept")


def unknown_name(what: str, name: str, known: Iterable[str], *, next_command: str | None = None) -> SetupError:
    """A SetupError for a misspelt name that suggests the nearest known one."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return SetupError(f"unknown {what} {name!r}.{hint}", choices=choices, next_command=next_command)


def interrupted(error: BaseException) -> bool:
    """Whether a person stopped the work: DuckDB answers Ctrl-C within a query with a RuntimeError of these words."""
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"


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
        refusal = (lines or [message])[-1].strip()
        return SetupError(
            f"the database at {where} refuses: {refusal}.",
            next_command="correct [ledger] url, the user's password or rights",
        )
    if "connection refused" in text or "could not translate host" in text or "connection failed" in text:
        return SetupError(f"no database answers at {where}.", next_command="start it or correct the ledger url")
    return None
