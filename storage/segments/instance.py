"""DuckDB instances in memory. One is kept for the short questions of a process to its stores: making one takes 14 ms."""

import atexit
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_LOCK = threading.Lock()
_KEPT: dict[int, "duckdb.DuckDBPyConnection"] = {}  # by process: after a fork, that of the parent is left alone


def instance() -> "duckdb.DuckDBPyConnection":
    """A new one; the caller closes it."""
    import duckdb

    # Its default is a folder where the command was called.
    spill = Path(tempfile.gettempdir()) / f"rollmill-duckdb-{os.getuid()}"
    # No query may load or download what nobody installed: files of object stores are read through fsspec.
    extensions = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(config={**extensions, "temp_directory": str(spill)})
    connection.execute("SET enable_progress_bar = false")  # it would be printed into --json
    return connection


def without_cache(connection: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyConnection":
    """The same, told to keep nothing of the files: segments are read once, and memory is bounded."""
    connection.execute("SET enable_external_file_cache = false")
    return connection


def shared_cursor() -> "duckdb.DuckDBPyConnection":
    """A connection of its own to the instance that this process keeps; whoever asks creates, sets and attaches nothing."""
    with _LOCK:
        if os.getpid() not in _KEPT:
            _KEPT[os.getpid()] = without_cache(instance())
        return _KEPT[os.getpid()].cursor()


@atexit.register
def _let_go() -> None:
    """Close what this process keeps; DuckDB would else complain of objects that outlived the interpreter."""
    kept = _KEPT.pop(os.getpid(), None)
    if kept is not None:
        kept.close()
