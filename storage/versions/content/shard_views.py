"""Reading a version's shards with DuckDB alone: its tables as views, and rows near given keys.

The columns of a file are known from its own description, as older versions lack some and files of others may have more.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.recipe_steps import OLD_COLUMN
from rollmill.storage.artifacts.layout import FOLDER
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.views import files
from rollmill.storage.versions.content.catalogue import (
    KEPT,
    KEYS,
    OPTIONAL,
    TABLE_NAMES,
    TABLES,
    has_table,
    joined_view,
    require_types,
)
from rollmill.storage.versions.content.prompts import COLUMN, SHOWN, no_shown_rows, shown_columns
from rollmill.storage.versions.content.shard_listing import names_of, read_listing, require_readable


def add_manifest_and_views(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """Add the table `manifest` and the views `joined` and `kept` over existing tables (or views) of the rows."""
    rows = [(key, canonical_json(manifest[key])) for key in sorted(manifest)]
    connection.execute("create table manifest (key varchar primary key, value varchar)")
    connection.executemany("insert into manifest values (?, ?)", rows)
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    sent = has_table(connection, "prompts") and has_table(connection, "sent")
    connection.execute(joined_view(stored, sent=sent))
    connection.execute(KEPT)


def connect_shards(folder: Path, manifest: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the tables of a version as views, and its other views; the caller closes it."""
    connection = closed(within=[folder / FOLDER])
    add_views(connection, folder, manifest)
    return connection


def add_views(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Add the tables of a version as views of its shards, and what `add_manifest_and_views` adds."""
    listing = read_listing(folder) or {}
    for kind in TABLES:
        if kind in OPTIONAL and kind not in listing:
            continue
        rows = _scan(kind, folder, [(listing[kind], "true")], connection)  # names missing files
        for name in itertools.chain(*map(names_of, listing[kind])):
            path = folder / FOLDER / name
            require_types(stored_types([path], connection), path, kind, folder.name, f"rm -r {folder}")
        connection.execute(f"create view {TABLE_NAMES[kind]} as {rows}")
    add_manifest_and_views(connection, manifest)


Near = tuple[Collection[tuple[str, str]], str]
"""Ranges of keys, ends included, and what must hold of a row beside: an SQL condition on columns that all shards have."""


def scan_near(
    kind: Kind, folder: Path, shards: list[dict[str, Any]], parts: Sequence[Near], *, filename: bool = False
) -> str:
    """SELECT over parts one after another, each over the shards that may hold a key within one of its ranges."""
    spans = [(shard, shard["first"], shard["last"]) if "first" in shard else _span(kind, folder, shard) for shard in shards]
    near = [
        ([shard for shard, first, last in spans if any(first <= high and low <= last for low, high in ranges)], condition)
        for ranges, condition in parts
    ]
    for shard in itertools.chain(*(shards for shards, _ in near)):
        require_readable(folder, shard)
    return _scan(kind, folder, near, filename=filename)


def _span(kind: Kind, folder: Path, shard: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """A shard with its first and last key, read from the file for older listings without them."""
    with closed(within=[folder / FOLDER]) as connection:
        key, rows = KEYS[kind][0], _scan(kind, folder, [([shard], "true")])
        first, last = connection.sql(f"select min({key}), max({key}) from ({rows})").fetchall()[0]  # noqa: S608
    return shard, first, last


def _scan(
    kind: Kind,
    folder: Path,
    parts: Sequence[tuple[list[dict[str, Any]], str]],
    connection: duckdb.DuckDBPyConnection | None = None,
    *,
    filename: bool = False,
) -> str:
    """SELECT over shards; without shards, no rows with the right columns; columns missing in old shards are null.

    `connection`: reads the descriptions of the files, by default one of its own.
    """
    extra = ", filename" if filename else ""
    nothing = no_shown_rows(kind)
    selects = [nothing if not filename else f"select *, '' as filename from ({nothing})"]  # noqa: S608
    for shards, condition in parts:
        whole = [folder / FOLDER / shard["file"] for shard in shards if "beside" not in shard]
        missing = [path for shard in shards for name in names_of(shard) if not (path := folder / FOLDER / name).exists()]
        if missing:
            raise SetupError(
                f"{len(missing)} shards of {folder.name} are not here, first {missing[0].name}.",
                next_command=f"rollmill dataset pull {folder.parent.name}@{folder.name}",
            )
        sources = [_joined(folder, shard, filename=filename) for shard in shards if "beside" in shard]
        if whole:
            sources.append(
                f"select {_all_columns(kind, whole, connection)} from read_parquet({files(list(map(str, whole)))}, "  # noqa: S608
                f"hive_partitioning=false, filename={str(filename).lower()}, union_by_name={str(len(whole) > 1).lower()})"
            )
        selects += [f"select * from ({source}) where {condition}" for source in sources]  # noqa: S608
    names = ", ".join(f'"{name}"' for name in shown_columns(kind))
    return f"select {names}{extra} from ({' union all by name '.join(selects)})"  # noqa: S608


def _joined(folder: Path, shard: Mapping[str, Any], *, filename: bool) -> str:
    """SELECT of the rows of a shard of two files, by their numbers."""
    first, second = (
        f"read_parquet({files([str(folder / FOLDER / name)])}, hive_partitioning=false, file_row_number=true, "
        f"filename={str(asked).lower()})"
        for name, asked in zip(names_of(shard), (filename, False), strict=True)
    )
    return f"select * exclude (file_row_number) from {first} a join {second} b using (file_row_number)"  # noqa: S608


def _all_columns(kind: Kind, paths: Sequence[Path], connection: duckdb.DuckDBPyConnection | None) -> str:
    """Columns of shards, with today's name of the step column and today's form of the prompt."""
    if kind not in ("problems", "decisions"):
        return "*"
    stored = stored_types(paths, connection)
    if kind == "problems":
        return "*" if COLUMN in stored else SHOWN
    if OLD_COLUMN not in stored:
        return "*"
    both = f"* exclude ({OLD_COLUMN}) replace (coalesce(step, {OLD_COLUMN}) as step)"
    return both if "step" in stored else f"* rename ({OLD_COLUMN} as step)"


def stored_types(paths: Sequence[Path], connection: duckdb.DuckDBPyConnection | None = None) -> dict[str, str]:
    """DuckDB's type of each column of these Parquet files, read through a connection of its own unless one is given."""
    rows = f"read_parquet({files(list(map(str, paths)))}, hive_partitioning=false, union_by_name=true)"
    with ExitStack() as stack:
        reader = connection or stack.enter_context(closed(within={path.parent for path in paths}))
        return {name: sql_type for name, sql_type, *_ in reader.execute(f"describe select * from {rows}").fetchall()}  # noqa: S608
