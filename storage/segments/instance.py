"""DuckDB instances in memory. A process keeps one for short queries on its stores: creating one takes 14 ms."""

import atexit
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_LOCK = threading.Lock()
_KEPT: dict[int, "duckdb.DuckDBPyConnection"] = {}  # by process id: after a fork, the parent's instance is left alone


def instance() -> "duckdb.DuckDBPyConnection":
    """A new instance; the caller closes it."""
    import duckdb

    # its default is a folder in the current directory
    spill = Path(tempfile.gettempdir()) / f"rollmill-duckdb-{os.getuid()}"
    # No query may install or download an extension: files of object stores are read through fsspec.
    extensions = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(config={**extensions, "temp_directory": str(spill)})
    connection.execute("SET enable_progress_bar = false")  # a progress bar would be printed into --json
    return connection


def without_cache(connection: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyConnection":
    """The process's connection without a file cache: segments are read once, and memory is bounded."""
    connection.execute("SET enable_external_file_cache = false")
    return connection


def shared_cursor() -> "duckdb.DuckDBPyConnection":
    """A separate connection to the instance kept by this process; its user must not create, set or attach anything."""
    with _LOCK:
        if os.getpid() not in _KEPT:
            _KEPT[os.getpid()] = without_cache(instance())
        return _KEPT[os.getpid()].cursor()


@atexit.register
def _let_go() -> None:
    """Close the kept instance; DuckDB would otherwise complain of objects that outlive the interpreter."""
    kept = _KEPT.pop(os.getpid(), None)
    if kept is not None:
        kept.close()
