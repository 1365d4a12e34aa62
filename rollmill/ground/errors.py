"""The errors a person may see, and refusals of the operating system and of the database as such errors.

RollmillError +- SetupError the user can correct it: one line, no traceback, exit status 2
 |   +- Unavailable   it may pass by itself (a server, a network, a full disk, a lock): a schedule tries again
 +- FoundWanting      the command worked and its answer is "no": exit status 1
 +- CorruptSegment    a registered file is missing or does not match its checksum

What the machine refuses (space, files, memory, processes, the disk itself), a read-only folder and a locked ledger are no
bugs of ours: they become a SetupError, which `refusal` words. Every other error passes unchanged, because it is one.
"""

import difflib
import errno
import os
import re
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

LONGEST_NAME = 200  # characters of an unknown name that a message repeats
MOST_CHOICES = 40  # that a message names: a workspace may have hundreds of runs


class RollmillError(Exception):
    """An error that Rollmill raises on purpose. Every other exception is a bug."""


class SetupError(RollmillError):
    """A mistake that the user can correct. The message names the value, the valid choices and the next command."""

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


class Unavailable(SetupError):  # noqa: N818 - no mistake of anybody
    """A temporary failure outside Rollmill: a server, a network, a disk, memory, a lock.

    Reported like a mistake, because a person can often correct it sooner; unattended work tries again.
    """


class FoundWanting(RollmillError):  # noqa: N818 - not an error of anybody
    """A completed check with a negative result (a failed gate, a version that does not verify)."""

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


def contract_error(what: str) -> SetupError:
    """The error for a method, perhaps a user's own, that breaks the contract of its role (rollmill/roles/protocols.py)."""
    return SetupError(f"{what}.", next_command="correct it and run the same command again; drawn completions are kept")


NEAR = 0.66  # share of common letters from which a known name is suggested


def unknown_name(what: str, name: str, known: Iterable[str], *, next_command: str | None = None) -> SetupError:
    """A SetupError for a misspelt name that suggests the nearest one; `what` may end with the name's owner in quotes."""
    choices = sorted(set(known))
    near = difflib.get_close_matches(name, choices, n=1, cutoff=NEAR)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = repr(name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}...")
    kind, of, owner = what.partition(" of ")
    named = f"{kind} {shown} of {owner}" if of and owner.endswith("'") else f"{what} {shown}"
    return SetupError(f"unknown {named}.{hint}", choices=choices, next_command=next_command)


def no_runs() -> SetupError:
    """A SetupError for a workspace without a run."""
    return SetupError("there are no runs here.", next_command="rollmill curate recipes/arithmetic.yaml")


def interrupted(error: BaseException) -> bool:
    """True for a stop by a person: DuckDB reports Ctrl-C within a query as a RuntimeError with these words."""
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"


def is_panic(error: BaseException) -> bool:
    """True for a panic of a library in Rust: every such library has a class of its own, and none is an Exception."""
    return type(error).__module__ == "pyo3_runtime"


@contextmanager
def panics_told(what: str, *, next_command: str) -> Iterator[None]:
    """Turn what a library raises on a file that it cannot use into a SetupError that begins with `what`: any Exception, as
    such libraries have nothing narrower, and a panic.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, RollmillError) or not (isinstance(error, Exception) or is_panic(error)):
            raise
        raise SetupError(f"{what}: {' '.join(str(error).split())[:200]}.", next_command=next_command) from error


_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_AGAIN = "run the same command again; everything committed before is safe"
_OTHER = "name another file, model or text"
_LIBRARIES = ("_duckdb", "duckdb", "pyarrow", "sqlite3", "sqlalchemy")
_NO_MEMORY = (
    "out of memory",
    "bad allocation",
    "bad_alloc",
    "allocation failure",
    "failed to map segment",
    "cannot allocate memory",
)
_SMALL = 1 << 20  # bytes: a disk with less than this is full for SQLite


def full_disk(where: str) -> Unavailable:
    """The error for a disk that is full."""
    return Unavailable(
        f"no space left to write {where}; everything committed before is safe.",
        next_command="free some space and run the same command again",
    )


def refusal(error: BaseException, where: Path | str = "a file") -> SetupError | None:
    """SetupError for a refusal by the machine or a part that is not installed, with a remedy; None for any other error.

    The message names `where` unless the error names a place. Errors of libraries are recognised by their texts, as they
    have no number.
    """
    if isinstance(error, ModuleNotFoundError):
        return _absent((error.name or "").partition(".")[0])
    if is_panic(error):
        return SetupError(f"a library could not use its input: {' '.join(str(error).split())[:200]}.", next_command=_OTHER)
    code = _code(error)
    place = str(getattr(error, "filename", None) or where)
    return None if code is None else machine_error(code, place)


def _absent(module: str) -> SetupError | None:
    """SetupError for a module that is not installed, with the extra that brings it; None for a module of no extra."""
    from importlib import metadata

    try:
        lines = metadata.requires("rollmill") or []
    except metadata.PackageNotFoundError:  # a checkout on the path alone
        return None
    parts: dict[str, list[str]] = {}
    for line in lines:
        if extra := re.search(r"extra == ['\"](\w+)", line):
            parts.setdefault(extra[1], []).append(re.split(r"[^\w.-]", line)[0].lower().replace("-", "_"))
    wanted = "pyyaml" if module == "yaml" else module.lower()
    bringing = [extra for extra, names in parts.items() if wanted in names]
    if not bringing:
        return None
    # An extra over another one lists what that one does.
    smallest = min(bringing, key=lambda extra: len(parts[extra]))
    return SetupError(f"this needs {module}, which is not installed.", next_command=f"pip install 'rollmill[{smallest}]'")


def not_installed(module: str) -> SetupError | None:
    """The error for a module that a child process will need and that is not installed; None if it is."""
    return _absent(module) if find_spec(module) is None else None


@contextmanager
def extras_named() -> Iterator[None]:
    """Turn the absence of a module into a SetupError that names the extra to install; for what people call from Python."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise refusal(error) or error from None


def is_machine_limit(error: BaseException) -> bool:
    """True for a read error that says nothing about the file: too many open files, or no memory.

    Code that treats unreadable files as damaged must pass these errors on, or a busy machine loses intact rows.
    """
    return _code(error) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def machine_error(code: int, where: str) -> SetupError | None:
    """SetupError for an errno of the operating system; None for one that is not the machine's refusal."""
    if code == errno.ENOSPC:
        return full_disk(where)
    if code == errno.EAGAIN and resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        code = errno.ENOMEM  # failing to allocate a thread's stack gives the same error as too many threads
    if code not in _WORDS:
        return None
    words, limit, mending = _WORDS[code]
    allowed = resource.RLIM_INFINITY if limit is None else resource.getrlimit(limit)[0]
    bound = "" if allowed == resource.RLIM_INFINITY else f" (the limit is {allowed:,})"
    kind = SetupError if code == errno.EFBIG else Unavailable  # the size limit of a file does not pass by itself
    return kind(f"{words.format(where=where)}{bound}.", next_command=f"{mending}, then {_AGAIN}")


_WORDS = {  # message, the limit that may be the cause, and the remedy
    errno.EDQUOT: ("the disk quota is used up, so {where} cannot be written", None, "free some space"),
    errno.EFBIG: (
        "{where} would grow beyond the largest file, in bytes, that this process may write",
        resource.RLIMIT_FSIZE,
        "ulimit -f unlimited",
    ),
    errno.EMFILE: (
        "this process may not open enough files for {where}",
        resource.RLIMIT_NOFILE,
        "ulimit -n 4096",
    ),
    errno.ENFILE: ("the machine has no more files to open for {where}", None, "end other programs"),
    errno.EIO: ("the disk could not read or write {where} (input/output error)", None, "look at the disk (dmesg)"),
    errno.ENOMEM: (
        "there was not enough memory",
        resource.RLIMIT_AS,
        "end other programs, ask for less at a time or raise the limit (ulimit -v unlimited)",
    ),
    errno.EAGAIN: (
        "no further process or thread could be started",
        resource.RLIMIT_NPROC,
        "end other programs or raise the limit (ulimit -u, or the container's)",
    ),
}


def _code(error: BaseException) -> int | None:
    """The errno of an error, taken from the error itself or from a library's message."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return errno.EAGAIN
    if type(error).__module__.startswith(_LIBRARIES) or isinstance(error, ImportError | OSError):
        if any(words in text.lower() for words in _NO_MEMORY):
            return errno.ENOMEM
        if "fsync failed" in text:
            return errno.EIO
        return next((code for code in (errno.ENOSPC, *_WORDS) if os.strerror(code) in text), None)
    return None


def read_only(where: str) -> SetupError:
    """The error for a place without write permission."""
    return SetupError(
        f"{where} is read-only for this user.", next_command="make it writable or work on a copy of the workspace"
    )


def permission_error(where: str) -> SetupError:
    """The error for a place without read permission."""
    return SetupError(f"{where} may not be read by this user.", next_command="change its owner or its rights")


@contextmanager
def explained(where: Path | str) -> Iterator[None]:
    """Turn refusals by the machine and missing permissions into a SetupError that names `where`."""
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSED:
            raise (read_only if _readable(where) else permission_error)(str(where)) from error
        known = None if isinstance(error, BlockingIOError) else refusal(error, where)
        if known is None:
            raise
        raise known from error


def _readable(where: Path | str) -> bool:
    """True for a readable path: its folder can be entered, and the path, if it exists, can be read."""
    return os.access(Path(where).parent, os.X_OK) and (os.access(where, os.R_OK) or not os.path.lexists(where))


# Messages of PostgreSQL while it starts, stops or is full, and of its driver for an unreachable or lost server.
_BUSY = ("starting up", "shutting down", "in recovery", "administrator command", "too many clients", "connection slots")
_GONE = (
    "connection refused",
    "could not translate host",
    "failed to resolve host",
    "connection failed",
    "timeout expired",
    "no route to host",
    "network is unreachable",
    "closed the connection",
    "connection is lost",
    "connection reset",
)


def ledger_error(message: str, where: str) -> SetupError | None:
    """SetupError for a message of SQLite or PostgreSQL; None for a message that is not a known refusal."""
    text = message.lower()

    def said(*words: str) -> bool:
        return any(word in text for word in words)

    if said("disk is full", "no space left", "disk i/o error"):
        return _not_written(Path(where), full=not said("disk i/o error")) or full_disk(f"the ledger {where}")
    if said("readonly", "read-only"):
        return read_only(f"the ledger {where}")
    if said("unable to open"):
        return _not_opened(Path(where)) or SetupError(
            f"the ledger {where} cannot be opened.",
            next_command="check its folder and permissions; where it is lost: rollmill doctor --rebuild",
        )
    if said("database is locked"):
        return Unavailable(f"another process has locked the ledger {where} for over a minute.", next_command="run it again")
    if said("not a database", "malformed"):
        return SetupError(
            f"the ledger {where} is damaged.",
            next_command="restore it from a copy, or move it away and register the "
            "untouched segments again: rollmill doctor --rebuild",
        )
    if said(*_BUSY):
        return Unavailable(f"the database at {where} is busy: {_refusal(message)}.", next_command="run it again")
    if said("fatal:", "permission denied"):
        return SetupError(
            f"the database at {where} refuses: {_refusal(message)}.",
            next_command="correct [ledger] url, the user's password or rights",
        )
    if said(*_GONE):
        return Unavailable(f"no database answers at {where}.", next_command="start it or correct the ledger url")
    return None


def _refusal(message: str) -> str:
    """The line of PostgreSQL's answer that gives the reason."""
    lines = [line.partition("FATAL:")[2] or line for line in message.splitlines() if "FATAL:" in line or "denied" in line]
    return (lines or message.splitlines())[-1].strip()


def ledger_lost(where: str) -> Unavailable:
    """The error for a database connection that ended in the middle of a transaction."""
    return Unavailable(
        f"the connection to the ledger {where} was lost; everything committed before is safe.",
        next_command="see that the database and the network are up and run the same command again",
    )


def _not_written(path: Path, *, full: bool) -> SetupError | None:
    """Cause of a failed write to a ledger file, which SQLite does not report; None for a full disk or a remote ledger.

    `full`: SQLite reports a full disk, which may also be a quota on a disk with free space.
    """
    if not path.is_file():
        return None
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    sizes = [beside.stat().st_size for beside in path.parent.glob(f"{path.name}*")]
    if largest != resource.RLIM_INFINITY and any(size + _SMALL > largest for size in sizes):
        return machine_error(errno.EFBIG, f"the ledger {path}")
    disk = os.statvfs(path.parent)
    full = full or disk.f_bavail * disk.f_frsize < _SMALL
    return None if full else machine_error(errno.EIO, f"the ledger {path}")


def _not_opened(path: Path) -> SetupError | None:
    """The limit that kept SQLite from opening a ledger file; None for any other cause."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return refusal(error, f"the ledger {path}")
    return None
