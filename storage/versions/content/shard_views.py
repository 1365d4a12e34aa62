"""Reading a version's shards with DuckDB alone: its tables as views, and rows near given keys.

The columns of a file are known from its own description, as older versions lack some and files of others may have more.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    column_types,
    joined_rows,
    require_types,
)
from rollmill.storage.versions.content.prompts import COLUMN, FROM_JSON, no_shown_rows, shown_columns
from rollmill.storage.versions.content.shard_listing import names_of, read_listing, require_readable
from rollmill.storage.versions.content.shard_types import Types, stored_types


def add_manifest_and_views(
    connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], decided: Collection[str], *, sent: bool
) -> None:
    """Add the table `manifest` and the views `joined` and `kept` over existing tables (or views) of the rows.

    `decided`: the columns of decisions; `sent`: the version has the prompts as sent.
    """
    pairs = [text for key in sorted(manifest) for text in (key, canonical_json(manifest[key]))]
    connection.execute("create table manifest (key varchar primary key, value varchar)")
    connection.execute(f"insert into manifest values {', '.join(['(?, ?)'] * len(manifest))}", pairs)  # noqa: S608
    for name, rows in (("joined", joined_rows({*decided}, sent=sent)), ("kept", KEPT)):
        connection.execute(f"create view {name} as {rows}")


def connect_shards(folder: Path, manifest: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the tables of a version as views, and its other views; the caller closes it."""
    connection = closed(within=[folder / FOLDER])
    add_views(connection, folder, manifest)
    return connection


def add_views(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Add the tables of a version as views of its shards, and what `add_manifest_and_views` adds."""
    tables = table_rows(folder)
    for name, rows in tables.items():
        connection.execute(f"create view {name} as {rows}")
    add_manifest_and_views(connection, manifest, shown_columns("decisions"), sent={"prompts", "sent"} <= tables.keys())


def table_rows(folder: Path) -> dict[str, str]:
    """SELECT of the rows of each table of a version, from its shards; FoundWanting for one with another column."""
    listing = read_listing(folder) or {}
    kinds = [kind for kind in TABLES if kind not in OPTIONAL or kind in listing]
    known = stored_types(_paths(folder, list(itertools.chain(*(listing[kind] for kind in kinds)))))
    for kind in kinds:
        for path in _paths(folder, listing[kind]):
            require_types(known[path], path, kind, folder.name, f"rm -r {folder}")
    return {TABLE_NAMES[kind]: _scan(kind, folder, [(listing[kind], "true")]) for kind in kinds}


def kept_rows(folder: Path) -> str:
    """WITH of the tables of a version and of the views `joined` and `kept`, for a SELECT after it, bound once."""
    tables = table_rows(folder)
    joined = joined_rows({*shown_columns("decisions")}, sent={"prompts", "sent"} <= tables.keys())
    return "with " + ", ".join(f"{name} as ({rows})" for name, rows in {**tables, "joined": joined, "kept": KEPT}.items())


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


def _scan(kind: Kind, folder: Path, parts: Sequence[tuple[list[dict[str, Any]], str]], *, filename: bool = False) -> str:
    """SELECT over shards; without shards, no rows with the right columns; columns missing in old shards are null."""
    known = stored_types(_paths(folder, list(itertools.chain(*(shards for shards, _ in parts)))))
    selects = [
        f"select * from ({source}) where {condition}"  # noqa: S608
        for shards, condition in parts
        for source in _sources(kind, [_paths(folder, [shard]) for shard in shards], known, filename=filename)
    ]
    if selects:
        return " union all ".join(selects)
    nothing, names = no_shown_rows(kind), ", ".join(f'"{name}"' for name in shown_columns(kind))
    return f"select {names}{', null::varchar as filename' if filename else ''} from ({nothing})"  # noqa: S608


def _sources(kind: Kind, shards: Sequence[list[Path]], known: Types, *, filename: bool) -> Iterator[str]:
    """SELECTs of the rows of shards, in order: DuckDB opens only the first of files with equal columns to know them."""
    extra = ", a.filename" if filename else ""
    told = f"hive_partitioning=false, filename={str(filename).lower()}"
    for columns, equal in itertools.groupby(shards, lambda paths: [known[path] for path in paths]):
        chosen = f"select {_columns(kind, {*itertools.chain(*columns)})}{extra} from"
        if len(columns) == 1:
            yield f"{chosen} read_parquet({files([str(path) for (path,) in equal])}, {told}) a"
            continue
        for first, second in equal:  # joined by the numbers of their rows
            a = f"read_parquet({files([str(first)])}, file_row_number=true, {told})"
            b = f"read_parquet({files([str(second)])}, file_row_number=true, hive_partitioning=false)"
            yield f"{chosen} {a} a join {b} b using (file_row_number)"


def _columns(kind: Kind, stored: Collection[str]) -> str:
    """Columns of a kind from shards with these, with today's name of the step column and today's form of the prompt."""
    made = dict(FROM_JSON) if kind == "problems" and COLUMN not in stored else {}
    if OLD_COLUMN in stored:
        made["step"] = f"coalesce(step, {OLD_COLUMN})" if "step" in stored else OLD_COLUMN
    made = {**{name: f'"{name}"' for name in stored}, **made}
    types = column_types(kind)
    return ", ".join(f'{made.get(name, f"cast(null as {types[name]})")} as "{name}"' for name in shown_columns(kind))


def _paths(folder: Path, shards: Sequence[Mapping[str, Any]]) -> list[Path]:
    """The files of shards; SetupError if one is missing."""
    paths = [folder / FOLDER / name for shard in shards for name in names_of(shard)]
    if missing := [path for path in paths if not path.exists()]:
        raise SetupError(
            f"{len(missing)} shards of {folder.name} are not here, first {missing[0].name}.",
            next_command=f"rollmill dataset pull {folder.parent.name}@{folder.name}",
        )
    return paths
