"""Versions too large to copy whole: Parquet shards named by their SHA-256, unchanged ones shared with the parent.

A parent's shard is taken over (hard link, else copy) if every row of it is in the new version unaltered; all other rows go
into new shards in key order. Each version's folder is complete in itself, and DVC stores equal files once. Reading goes
through views over the shards; a database file is made only where one is asked for. Knows nothing of indexes or publishing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import SetupError
from storage.json_files import read_object
from storage.segments.schema import SCHEMAS, Kind
from storage.versions.database import TABLE_NAMES, add_manifest_and_views
from storage.versions.snapshot import KEYS, TABLES, Snapshot, in_key_order

LISTING = "shards.json"
FOLDER = "shards"
SHARD_BYTES = 64_000_000  # of Arrow memory; about a fifth of that as a file of text
_SMALLEST = 0.5  # a parent's shard below this share of a full one is merged, or shards would shrink with every version

Listing = dict[str, list[dict[str, Any]]]


def write_shards(folder: Path, snapshot: Snapshot, parent: Path | None, shard_bytes: int = SHARD_BYTES) -> None:
    """Write the rows into folder/shards and their listing; shards of `parent`, a version's folder, may be taken over."""
    (folder / FOLDER).mkdir()
    known = read_listing(parent) if parent else None
    listing: Listing = {}
    for kind, table in snapshot.tables():
        taken: list[dict[str, Any]] = []
        if known and parent:
            taken, table = _take_over(kind, table, known[kind], parent, shard_bytes)  # noqa: PLW2901 (what is left to write)
            for shard in taken:
                _link(parent / FOLDER / shard["file"], folder / FOLDER / shard["file"])
        listing[kind] = [*taken, *(_write_shard(folder, piece) for piece in _pieces(kind, table, shard_bytes))]
    (folder / LISTING).write_text(json.dumps(listing, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_listing(folder: Path) -> Listing | None:
    """Which shards a version has, by kind; None for a version that is one database file, or is not here."""
    path = folder / LISTING
    if not path.exists():
        return None
    again = f"dvc checkout --force {folder}.dvc, or remove {folder} and run its recipe again"
    listing: Listing = read_object(path, next_command=again)
    return listing


def connect_shards(folder: Path, manifest: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the tables and views of dataset.duckdb over the shards; the caller closes it."""
    listing = read_listing(folder) or {}
    connection = duckdb.connect()
    for kind in TABLES:
        connection.execute(f"create view {TABLE_NAMES[kind]} as {_scan(kind, folder, listing[kind])}")
    add_manifest_and_views(connection, manifest)
    return connection


def _take_over(
    kind: Kind, table: pa.Table, shards: list[dict[str, Any]], parent: Path, shard_bytes: int
) -> tuple[list[dict[str, Any]], pa.Table]:
    """The parent's shards whose every row is in the table, and the table's other rows."""
    large = [shard for shard in shards if shard["bytes"] >= shard_bytes * _SMALLEST]
    if not large or not table.num_rows:
        return [], table
    names, keys = SCHEMAS[kind].names, KEYS[kind]
    same = " and ".join(f'o."{name}" is not distinct from n."{name}"' for name in names)
    join = " and ".join(f"o.{key} = n.{key}" for key in keys)
    with duckdb.connect() as connection:
        connection.register("incoming", table)
        connection.execute(f"create view held as {_scan(kind, parent, large, filename=True)}")
        counted = connection.sql(
            f"select o.filename, count(*) filter ({same}) from held o left join incoming n on {join} group by 1"  # noqa: S608
        ).fetchall()
        intact = {Path(name).name: rows for name, rows in counted}
        taken = [shard for shard in large if intact.get(shard["file"]) == shard["rows"]]
        if not taken:
            return [], table
        columns = ", ".join(f'"{name}"' for name in names)
        rest = connection.sql(
            f"select {columns} from incoming anti join ({_scan(kind, parent, taken)}) using ({', '.join(keys)})"  # noqa: S608
        ).to_arrow_table()
    return taken, rest.cast(SCHEMAS[kind])


def _pieces(kind: Kind, table: pa.Table, shard_bytes: int) -> Iterator[pa.Table]:
    """The rows in key order, cut into shards of about equal size."""
    if not table.num_rows:
        return
    count = -(-table.nbytes // shard_bytes)
    yield from in_key_order(kind, table, -(-table.num_rows // count))


def _write_shard(folder: Path, rows: pa.Table) -> dict[str, Any]:
    temporary = folder / FOLDER / "writing"
    pq.write_table(rows, temporary, compression="zstd")
    with temporary.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    name = f"{digest}.parquet"
    temporary.rename(folder / FOLDER / name)
    return {"file": name, "rows": rows.num_rows, "bytes": rows.nbytes}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _scan(kind: Kind, folder: Path, shards: list[dict[str, Any]], *, filename: bool = False) -> str:
    """A SELECT over shards; of none, no rows with the right columns; a column that old shards lack is null there."""
    columns = ", ".join(f'cast(null as {_sql_type(field.type)}) as "{field.name}"' for field in SCHEMAS[kind])
    empty = f"select {columns} where false"
    if not shards:
        return empty
    paths = [folder / FOLDER / shard["file"] for shard in shards]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise SetupError(
            f"{len(missing)} shards of {folder.name} are not here, first {missing[0].name}.",
            next_command=f"dvc checkout {folder}.dvc",
        )
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    names = ", ".join(f'"{name}"' for name in SCHEMAS[kind].names)
    extra = ", filename" if filename else ""
    rows = f"select * from read_parquet([{listed}], filename={str(filename).lower()}, union_by_name=true)"  # noqa: S608
    return f"select {names}{extra} from ({empty} union all by name {rows})"  # noqa: S608


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return _sql_type(kind.value_type) + "[]"
    names = {"int64": "bigint", "int32": "integer", "double": "double", "float": "float", "bool": "boolean"}
    return names.get(str(kind), "varchar")
