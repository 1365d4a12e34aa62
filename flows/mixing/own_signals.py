"""Signals out of files of yours: a column for each, joined by completion or problem."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from storage.ground.errors import SetupError
from storage.segments.views import quoted

READERS = {".csv": "read_csv", ".jsonl": "read_json", ".parquet": "read_parquet"}
"""DuckDB's reader by a file's ending."""
KEYS = ("completion_id", "problem_id")
_NUMBERS = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "DOUBLE", "FLOAT", "BOOLEAN", "DECIMAL")


def with_own_columns(table: pa.Table, files: Sequence[Path], fixed: Collection[str]) -> pa.Table:
    """The table with the columns of these files; SetupError for a file that does not fit."""
    for path in files:
        table = _joined(table, path, fixed)
    return table


def _joined(table: pa.Table, path: Path, fixed: Collection[str]) -> pa.Table:
    reader = READERS.get(path.suffix)
    if reader is None or not path.is_file():
        what = f"no file {path}" if reader else f"signals cannot be read from {path.name!r}"
        raise SetupError(f"{what} (signals: columns).", choices=() if reader else sorted(READERS))
    with duckdb.connect() as connection:
        try:
            connection.execute(f"CREATE VIEW own AS SELECT * FROM {reader}({quoted(str(path))})")  # noqa: S608
            kinds = {str(row[0]): str(row[1]) for row in connection.execute("DESCRIBE own").fetchall()}
        except duckdb.Error as error:
            raise SetupError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
        keys = [key for key in KEYS if key in kinds]
        columns = [name for name in kinds if name not in keys and name != "source"]
        _check(path, keys, columns, {*table.column_names, *fixed})
        connection.register("signals", table.append_column("place", pa.array(range(len(table)), pa.int64())))
        on = " AND ".join(f"CAST(own.{key} AS VARCHAR) = signals.{key}" for key in keys)
        wanted = ", ".join(f"own.{_name(name)}::{_kind(kinds[name])} AS {_name(name)}" for name in columns)
        query = f"SELECT signals.place, {wanted}, own.{keys[0]} AS found FROM signals LEFT JOIN own ON {on} ORDER BY place"  # noqa: S608
        rows = connection.sql(query).to_arrow_table()
    if len(rows) > len(table):
        raise SetupError(f"{path} has several rows of one {' and '.join(keys)}; a signal has one value for each rollout.")
    if rows["found"].null_count == len(rows):
        raise SetupError(f"{path} has no {' and '.join(keys)} of these sources.")
    for name in columns:
        table = table.append_column(name, rows[name])
    return table


def _check(path: Path, keys: Sequence[str], columns: Sequence[str], taken: Collection[str]) -> None:
    if not keys:
        raise SetupError(f"{path} has neither completion_id nor problem_id, by which its rows are joined.")
    if not columns:
        raise SetupError(f"{path} has no column beside {' and '.join(keys)}.")
    if twice := [name for name in columns if name in taken]:
        raise SetupError(
            f"{path} has a column {twice[0]!r}, which is a signal already.", next_command="another name for it"
        )


def _kind(kind: str) -> str:
    return "DOUBLE" if kind.startswith(_NUMBERS) else "VARCHAR"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
