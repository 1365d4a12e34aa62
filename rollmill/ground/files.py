"""Small files of a workspace: JSON read with its damage named, and texts that are whole or absent after a crash.

A text is written under a temporary name, fsynced and renamed; a folder is fsynced file by file before its own rename. The
lock that keeps one publisher per dataset is an flock, which the kernel releases when its holder dies. What was written may
have been changed since by a person, a merge or a bad disk.

Files of the person's own lie in the home folder, outside of every workspace, which may have come from somebody else.
"""

import errno
import fcntl
import json
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError

LARGEST_TEXT = 256 << 20  # bytes of a text that is read whole
_MOST_OWN = 16 << 20  # bytes of a file of the person's own
_MARKER = "rollmill.toml"  # of a workspace
_LINE_ENDS = "\x85\u2028\u2029"  # line ends that JSON does not escape itself


def no_link(path: str, flags: int) -> int:
    """An opener as `plain`; OSError for a link as well, which could lead outside."""
    return plain(path, flags | os.O_NOFOLLOW)


def plain(path: str, flags: int) -> int:
    """An opener for files in a folder that may be somebody else's: OSError for a pipe, which would be waited for, and for
    whatever else is no file.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no file", path)


def close_to_readers(folder: Path) -> None:
    """Let nobody into a folder of ours who may not write there: who may read a lock file or a database may lock it."""
    try:
        state = folder.lstat()
    except OSError:
        return  # it is made later, or its use says what is wrong
    mode = state.st_mode
    closed = sum(bits for bits, writes in ((0o070, 0o020), (0o007, 0o002)) if not mode & writes)
    if stat.S_ISDIR(mode) and mode & closed and state.st_uid == os.geteuid():
        folder.chmod(stat.S_IMODE(mode) & ~closed)


def write_text(path: Path, text: str) -> None:
    """Replace a file with a text; a reader sees the old text or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    if temporary.is_symlink():
        temporary.unlink()  # it came with a folder and would lead the text into another file
    with open(temporary, "w", encoding="utf-8", opener=no_link) as file:
        file.write(text)
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def json_text(value: Any) -> str:
    """JSON for people and for git: sorted keys, one value per line."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def json_line(value: Any, *, sort_keys: bool = False) -> str:
    """A value as one line of JSON with its line end; Unicode's other line ends are escaped, as readers split at them."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys)
    for end in (
        () if line.isascii() else _LINE_ENDS
    ):  # checked first: str.translate takes fifteen times as long as the encoding
        line = line.replace(end, f"\\u{ord(end):04x}")
    return line + "\n"


def ensure_lines(path: Path, lines: Sequence[str]) -> None:
    """Add the lines that a file lacks. The file may be a user's own, such as a .gitignore."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in lines if line not in text.splitlines()]
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        path.write_text(text + gap + "\n".join(missing) + "\n", encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """Make a folder durable, with every file and folder below it."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """fsync one file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file `path`; with wait=False yields False immediately if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is never removed: two commands could then hold locks on two files of the same name.
    with open(path, "a", encoding="utf-8", opener=no_link) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True  # closing the file releases the lock


def is_locked(path: Path) -> bool:
    """True if another process holds the lock file."""
    try:
        with open(path, opener=no_link) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_object(path: Path, *, next_command: str) -> dict[str, Any]:
    """The JSON object in a file; SetupError that names the file, its mistake and `next_command`."""
    return parse_object(read_utf8(path, next_command=next_command), path, next_command=next_command)


def read_utf8(path: Path, *, next_command: str) -> str:
    """The text of a file; SetupError if its bytes are not UTF-8, or more than a text of a workspace has."""
    try:
        with open(path, "rb", opener=plain) as file:
            content = file.read(LARGEST_TEXT + 1)
        if len(content) > LARGEST_TEXT:
            raise SetupError(f"{path} has more than {LARGEST_TEXT >> 20} MiB.", next_command=next_command)
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise SetupError(f"{path} is damaged: it is not UTF-8 text ({byte}).", next_command=next_command) from None


def parse_object(text: str, path: Path, *, next_command: str) -> dict[str, Any]:
    """The JSON object in a text read from `path`."""
    if not text.strip():
        raise SetupError(f"{path} is damaged: it is empty.", next_command=next_command)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}: {error.msg}"
    except RecursionError:
        where = "nested too deeply"
    except ValueError:
        where = "a number has too many digits"
    else:
        if isinstance(value, dict):
            return value
        raise SetupError(f"{path} is damaged: it does not hold a JSON object.", next_command=next_command)
    raise SetupError(f"{path} is damaged: it is not valid JSON ({where}).", next_command=next_command)


def other_owner(path: Path) -> str:
    """Name of the owner of a file, folder or link that is neither this user nor root; empty for theirs, and for none."""
    try:
        owner = path.lstat().st_uid
    except OSError:
        return ""
    if owner in (os.geteuid(), 0):
        return ""
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def own_folder(variable: str, usual: str) -> Path:
    """Rollmill's folder in the person's own one, which an XDG variable names: XDG_STATE_HOME, usually ~/.local/state."""
    named = Path(os.environ.get(variable, ""))
    # A relative path would depend on the folder that the command was called in, which may be a clone.
    return (named if named.is_absolute() else _home() / usual) / "rollmill"


def own_bytes(path: Path, *, secret: bool = False) -> bytes | None:
    """The content of a file of the person's own; None if there is no such file.

    SetupError if anybody else may have written it or, if it is a secret, read it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(file, "rb") as stream:
        state = os.fstat(stream.fileno())
        others = 0o077 if secret else 0o022
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & others:
            raise SetupError(f"{path} is not yours alone: it is not read.", next_command=f"chmod 600 {path}")
        return stream.read(_MOST_OWN)


def lies_in_workspace(path: Path) -> bool:
    """True for a path in a workspace; a home folder that is one itself is the person's own."""
    home = _home().resolve()
    return any((up / _MARKER).is_file() and up != home for up in path.resolve().parents)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without name and HOME, as a container may have
        return Path("/")
