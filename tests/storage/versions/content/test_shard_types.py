"""Types of the columns of shards, which are those that DuckDB reads."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.catalogue import TABLES
from rollmill.storage.versions.content.prompts import shown
from rollmill.storage.versions.content.shard_types import stored_types

ODD = pa.schema(
    [
        ("pair", pa.struct([("text", pa.string()), ("inner", pa.list_(pa.struct([("kept", pa.bool_())])))])),
        ("by_name", pa.map_(pa.string(), pa.int32())),
        ("raw", pa.binary()),
        ("price", pa.decimal128(9, 2)),
        ("at", pa.timestamp("us", "UTC")),
        ("small", pa.int8()),
    ]
)


def test_they_are_those_that_duckdb_describes(tmp_path: Path) -> None:
    """Of every kind, and of columns that hold others."""
    tables = {str(kind): shown(kind, SCHEMAS[kind].empty_table()) for kind in TABLES} | {"odd": ODD.empty_table()}
    paths = {kind: tmp_path / f"{kind}.parquet" for kind in tables}
    for kind, table in tables.items():
        pq.write_table(table, paths[kind])
    types = stored_types(list(paths.values()))
    with duckdb.connect() as connection:
        for path in paths.values():
            described = connection.execute("describe from read_parquet($1)", [str(path)]).fetchall()
            assert types[path] == {name: sql_type for name, sql_type, *_ in described}


def test_a_repeated_column_has_no_type_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    pq.write_table(pa.table([pa.array(["a"]), pa.array([1])], names=["text", "text"]), path)
    assert stored_types([path])[path] == {"text": "VARCHAR and BIGINT"}


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "some.parquet"
    for column, sql_type in ((pa.array(["a"]), "VARCHAR"), (pa.array([1, 2, 3]), "BIGINT")):
        pq.write_table(pa.table({"text": column}), path)
        assert stored_types([path])[path] == {"text": sql_type}
