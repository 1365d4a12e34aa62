"""Signals out of files of yours: a column for each, joined by completion or problem."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError, refusal
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.views import quoted, quoted_name

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
    with closed([path]) as connection, _explained(path):
        # A folder called a=b above the file would otherwise be a column of it.
        source = f"{reader}({quoted(str(path.absolute()))}, hive_partitioning=false)"
        connection.execute(f"CREATE VIEW own AS SELECT * FROM {source}")  # noqa: S608
        kinds = {str(row[0]): str(row[1]) for row in connection.execute("DESCRIBE own").fetchall()}
        keys = [key for key in KEYS if key in kinds]
        columns = [name for name in kinds if name not in keys and name != "source"]
        _check(path, keys, columns, {*table.column_names, *fixed})
        # Before the join, which unfolds the texts in memory.
        _check_size(connection, path, [*keys, *columns])
        # A join keeps no order; the columns must come back in that of the table.
        connection.register("signals", table.append_column("place", pa.array(range(len(table)), pa.int64())))
        on = " AND ".join(f"CAST(own.{key} AS VARCHAR) = signals.{key}" for key in keys)
        wanted = ", ".join(f"{_value(name, kinds[name])} AS {quoted_name(name)}" for name in columns)
        query = f"SELECT signals.place, {wanted}, own.{keys[0]} AS found FROM signals LEFT JOIN own ON {on} ORDER BY place"  # noqa: S608
        rows = connection.sql(query).to_arrow_table()
    # A key that the file has twice makes two rows of one.
    if len(rows) > len(table):
        raise SetupError(f"{path} has several rows of one {' and '.join(keys)}; a signal has one value for each rollout.")
    # Keys of other data, or of another version, would silently give a column of nulls.
    if rows["found"].null_count == len(rows):
        raise SetupError(f"{path} has no {' and '.join(keys)} of these sources.")
    for name in columns:
        table = table.append_column(name, rows[name])
    return table


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors into a SetupError that names the file, or the machine's refusal."""
    try:
        yield
    except duckdb.Error as error:
        raise refusal(error, path) or SetupError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _check_size(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str]) -> None:
    """SetupError if the texts of a file unfold to many times its size: a dictionary stores a long one once for all rows."""
    lengths = " + ".join(f"coalesce(strlen(CAST({quoted_name(name)} AS VARCHAR)), 0)" for name in columns)
    (size,) = connection.execute(f"SELECT coalesce(sum({lengths}), 0) FROM own").fetchall()[0]  # noqa: S608
    most = Unfolded.of(path).most
    if size > most:
        raise SetupError(f"{path} unfolds to more than {most:,} bytes.", next_command="a file without long texts")


def _check(path: Path, keys: Sequence[str], columns: Sequence[str], taken: Collection[str]) -> None:
    if not keys:
        raise SetupError(f"{path} has neither completion_id nor problem_id, by which its rows are joined.")
    if not columns:
        raise SetupError(f"{path} has no column beside {' and '.join(keys)}.")
    if twice := [name for name in columns if name in taken]:
        raise SetupError(
            f"{path} has a column {twice[0]!r}, which is a signal already.", next_command="another name for it"
        )


def _value(name: str, kind: str) -> str:
    """The values of a column: finite numbers, or labels; NaN and infinities are no value."""
    column = f"own.{quoted_name(name)}"
    if not kind.startswith(_NUMBERS):
        return f"{column}::VARCHAR"
    return f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
