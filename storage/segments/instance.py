"""Connections to DuckDB, the only place that makes them. A process keeps one for short queries on its stores: creating one
takes 14 ms.

No query may install or load an extension, or take a Python variable for a table. A connection over what came from elsewhere
is closed as well: it reads the named files and nothing else, whatever a view or a macro in them says, and its settings
cannot be changed.
"""

import atexit
import os
import stat
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_LOCK = threading.Lock()
_KEPT: dict[int, "duckdb.DuckDBPyConnection"] = {}  # by process id: after a fork, the parent's instance is left alone
_OFF = (
    "autoinstall_known_extensions",
    "autoload_known_extensions",
    "allow_community_extensions",
    "python_enable_replacements",
)
ATTACHED = "dataset"
"""Catalogue of a database file that a closed connection reads."""


def instance() -> "duckdb.DuckDBPyConnection":
    """A new instance that may read any file that a query of ours names; the caller closes it."""
    import duckdb

    connection = duckdb.connect(config={**dict.fromkeys(_OFF, "false"), "temp_directory": str(_spill())})
    connection.execute("SET enable_progress_bar = false")  # a progress bar would be printed into --json
    return connection


def closed(files: Iterable[Path] = (), *, within: Iterable[Path] = ()) -> "duckdb.DuckDBPyConnection":
    """A new instance in memory that reads these files, those within these folders and no other; the caller closes it."""
    connection = instance()
    for setting, paths in (("allowed_paths", files), ("allowed_directories", within)):
        if listed := [_quoted(path.absolute()) for path in paths]:
            connection.execute(f"SET {setting} = [{', '.join(listed)}]")
    return _lock(connection)


def closed_database(path: Path) -> "duckdb.DuckDBPyConnection":
    """A new instance that reads one database file, read-only, and no other file; the caller closes it."""
    connection = instance()
    try:
        # Attached, not connected to: a process cannot connect to one file twice with unequal settings.
        connection.execute(f"ATTACH {_quoted(path)} AS {ATTACHED} (READ_ONLY)")
        connection.execute(f"USE {ATTACHED}")
        return _lock(connection)
    except BaseException:
        connection.close()
        raise


def without_cache(connection: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyConnection":
    """The process's connection without a file cache: segments are read once, and memory is bounded."""
    connection.execute("SET enable_external_file_cache = false")
    return connection


def shared_cursor() -> "duckdb.DuckDBPyConnection":
    """A separate connection to the instance kept by this process; its user must not create or set anything there."""
    with _LOCK:
        if os.getpid() not in _KEPT:
            _KEPT[os.getpid()] = without_cache(instance())
        return _KEPT[os.getpid()].cursor()


def _lock(connection: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyConnection":
    # To suggest a name for one that is absent takes longer than to look.
    connection.execute("SET catalog_error_max_schemas = 0")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@cache
def _spill() -> Path:
    """The user's own folder for what does not fit in memory; DuckDB's default is a folder in the current directory."""
    folder = Path(tempfile.gettempdir()) / f"rollmill-duckdb-{os.getuid()}"
    with suppress(FileExistsError):  # a file or a link
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        # Another user of the machine made it first.
        return Path(tempfile.mkdtemp(prefix="rollmill-duckdb-"))
    folder.chmod(0o700)
    return folder


@atexit.register
def _let_go() -> None:
    """Close the kept instance; DuckDB would otherwise complain of objects that outlive the interpreter."""
    kept = _KEPT.pop(os.getpid(), None)
    if kept is not None:
        kept.close()
