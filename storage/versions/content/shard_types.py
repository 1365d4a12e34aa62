"""DuckDB's types of the columns of a version's shards, of any number of files by one query."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from rollmill.storage.segments.instance import shared_cursor
from rollmill.storage.segments.views import files

Types = Mapping[Path, Mapping[str, str]]
"""DuckDB's type of each column, by file."""
_KNOWN: dict[tuple[int, ...], Mapping[str, str]] = {}


def stored_types(paths: Sequence[Path]) -> Types:
    """DuckDB's type of each column of these Parquet files; an unchanged file is read once in a process."""
    states = {path: path.stat() for path in paths}
    keys = {path: (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns) for path, state in states.items()}
    if unknown := [path for path, key in keys.items() if key not in _KNOWN]:
        query = f"""
            select file_name, name, duckdb_type, coalesce(num_children, 0)
            from parquet_schema({files(list(map(str, unknown)))}) order by file_name, column_id
        """  # noqa: S608
        with shared_cursor() as cursor:
            rows = cursor.execute(query).fetchall()
        listed = {name: [row[1:] for row in some] for name, some in itertools.groupby(rows, key=lambda row: row[0])}
        _KNOWN.update({keys[path]: _outer(listed[str(path)]) for path in unknown})
    return {path: _KNOWN[key] for path, key in keys.items()}


def _outer(rows: Sequence[tuple[str, str, int]]) -> dict[str, str]:
    """The outermost columns of a schema, which is listed depth first from its root, with the number of children of each."""
    types: dict[str, str] = {}
    inner = 0  # rows of inner columns that follow
    for name, sql_type, children in rows[1:]:
        if inner:
            inner += children - 1
            continue
        # A repeated name has both types: those of no column of ours.
        types[name] = f"{types[name]} and {sql_type}" if name in types else sql_type
        inner = children
    return types
