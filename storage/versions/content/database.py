"""The rows of a version on disk: one file dataset.duckdb, or Parquet shards where they are too many to copy whole.

Tables problems, rollouts (all completions of the plan), verdicts, scores, decisions, manifest, and where models were asked
prompts and sent (what they got, by digest, and the digest of each completion); the view `joined` has one
row per decision with its problem and completion, the view `kept` is what training uses. Written by a fresh connection in
key order, so that equal content makes equal tables; the file itself differs in its header on every write.

Shards are named by their SHA-256. A parent's shard is taken over (hard link, else copy) if every row of it is in the new
version unaltered; all other rows go into new shards. Each version's folder is complete in itself, and DVC stores equal
files once. Shards are read through views with the same names.
"""

import hashlib
import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from storage.ground.errors import SetupError
from storage.ground.ids import canonical_json
from storage.ground.recipe_steps import OLD_COLUMN
from storage.segments.instance import ATTACHED, closed, instance
from storage.segments.keys import Kind
from storage.segments.schema import SCHEMAS
from storage.segments.table_file import TableFile
from storage.segments.views import files, quoted
from storage.versions.content.catalogue import KEPT, OPTIONAL, TABLE_NAMES, TABLES, has_table, joined_view, require_columns
from storage.versions.content.digests import digest
from storage.versions.content.prompts import COLUMN, SHOWN, no_shown_rows, shown, shown_columns, with_json_prompts
from storage.versions.content.shard_listing import FOLDER, LISTING, Listing, read_listing, require_shard
from storage.versions.content.snapshot import KEYS, Snapshot, in_key_order, sorted_by_key

_CHUNK = 8_192  # rows written at a time, and
_CHUNK_BYTES = 1 << 25  # about this many bytes at most
_CACHE = 256_000_000  # bytes; DuckDB would otherwise cache its writes in memory, up to most of the machine's
_COPIES = 16  # times the longest text, which DuckDB may hold besides until it commits
_FORMAT = "v1.4.0"
"""Of the oldest DuckDB that opens a version; files of the same size in the newest format open with 2.0 alone."""


def write_database(path: Path, snapshot: Snapshot, manifest: Mapping[str, Any]) -> None:
    """Write the rows and the manifest of a version into a new file."""
    with instance() as connection:
        connection.execute(f"set temp_directory = {quoted(f'{path}.tmp')}")
        connection.execute(f"attach {quoted(str(path))} as {ATTACHED} (storage_version '{_FORMAT}')")
        connection.execute(f"use {ATTACHED}")
        longest = 0
        connection.execute(f"set memory_limit = '{_CACHE}B'")
        connection.execute("begin")
        for kind, table in snapshot.written():
            connection.register("incoming", shown(kind, SCHEMAS[kind].empty_table()))
            connection.execute(f"create table {TABLE_NAMES[kind]} as select * from incoming")  # noqa: S608
            # Sorted here: DuckDB would hold every column while it sorts.
            for part in in_key_order(table, kind, _rows_of_a_chunk(table)):
                if (text := _longest_text(part)) > longest:
                    longest = text
                    connection.execute(f"set memory_limit = '{_CACHE + _COPIES * longest}B'")
                connection.register("incoming", shown(kind, part))
                connection.execute(f"insert into {TABLE_NAMES[kind]} select * from incoming")  # noqa: S608
            connection.unregister("incoming")
        connection.execute("commit")
        add_manifest_and_views(connection, manifest)
        connection.execute(f"checkpoint {ATTACHED}")


def _longest_text(rows: pa.Table) -> int:
    """Bytes of the longest text among these: a block of DuckDB holds a text whole."""
    import pyarrow.compute as pc

    texts = (column for column in rows.columns if pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
    return max((pc.max(pc.binary_length(text)).as_py() or 0 for text in texts), default=0)


def _rows_of_a_chunk(table: pa.Table) -> int:
    """Rows of mean length that make a chunk."""
    rows: int = _CHUNK_BYTES * table.num_rows // max(1, table.nbytes)
    return max(1, min(_CHUNK, rows))


def add_manifest_and_views(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """Add the table `manifest` and the views `joined` and `kept` over existing tables (or views) of the rows."""
    rows = [(key, canonical_json(manifest[key])) for key in sorted(manifest)]
    connection.execute("create table manifest (key varchar primary key, value varchar)")
    connection.executemany("insert into manifest values (?, ?)", rows)
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    sent = has_table(connection, "prompts") and has_table(connection, "sent")
    connection.execute(joined_view(stored, sent=sent))
    connection.execute(KEPT)


def read_table(connection: duckdb.DuckDBPyConnection, kind: Kind) -> pa.Table:
    """A table of a version file, with the columns and types of its kind, in key order."""
    schema = SCHEMAS[kind]
    if kind in OPTIONAL and not has_table(connection, kind):
        return schema.empty_table()
    stored = {row[0] for row in connection.sql(f"describe {TABLE_NAMES[kind]}").fetchall()}
    names = shown_columns(kind) if COLUMN in stored else schema.names
    # A version published before a column existed lacks it: its rows read as null there.
    columns = ", ".join(_column(name, stored) for name in names)
    batches = connection.sql(f"select {columns} from {TABLE_NAMES[kind]}").to_arrow_reader(_CHUNK)  # noqa: S608
    parts = [with_json_prompts(pa.Table.from_batches([batch])).cast(schema) for batch in batches]
    table = pa.concat_tables([schema.empty_table(), *parts])
    return sorted_by_key(kind, table)  # in written order, so nothing is copied


def _column(name: str, stored: Collection[str]) -> str:
    if name in stored:
        return f'"{name}"'
    return f'{OLD_COLUMN} as "{name}"' if name == "step" and OLD_COLUMN in stored else f'null as "{name}"'


SHARD_BYTES = 64_000_000  # of Arrow memory; about a fifth of that as a file of text
_COMPARED = 65_536  # rows compared with a parent's at a time
_SMALLEST = 0.5  # a parent's shard below this share of a full one is merged, or shards would shrink with every version


def write_shards(folder: Path, snapshot: Snapshot, parent: Path | None, shard_bytes: int = SHARD_BYTES) -> None:
    """Write the rows into folder/shards with their listing; shards of `parent`, a version's folder, may be reused."""
    (folder / FOLDER).mkdir()
    known = read_listing(parent) if parent else None
    listing: Listing = {}
    for kind, table in snapshot.written():
        taken: list[dict[str, Any]] = []
        if known and parent:
            taken, table = _take_over(kind, table, known.get(kind, []), parent, shard_bytes)  # noqa: PLW2901 (what is left to write)
            for shard in taken:
                _link(parent / FOLDER / shard["file"], folder / FOLDER / shard["file"])
        listing[kind] = [*taken, *(write_shard(folder, kind, piece) for piece in _pieces(kind, table, shard_bytes))]
    (folder / LISTING).write_text(json.dumps(listing, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def connect_shards(folder: Path, manifest: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with the tables and views of dataset.duckdb over the shards; the caller closes it."""
    listing = read_listing(folder) or {}
    connection = closed(within=[folder / FOLDER])
    for kind in TABLES:
        if kind in OPTIONAL and kind not in listing:
            continue
        rows = _scan(kind, folder, [(listing[kind], "true")])  # names missing files
        for shard in listing[kind]:
            require_columns(folder / FOLDER / shard["file"], kind, folder.name, f"rm -r {folder}")
        connection.execute(f"create view {TABLE_NAMES[kind]} as {rows}")
    add_manifest_and_views(connection, manifest)
    return connection


def _take_over(
    kind: Kind, table: pa.Table, shards: list[dict[str, Any]], parent: Path, shard_bytes: int
) -> tuple[list[dict[str, Any]], pa.Table | TableFile]:
    """The parent's shards whose every row is in the table, and the table's other rows; rows are compared in parts."""
    large = [shard for shard in shards if shard["bytes"] >= shard_bytes * _SMALLEST and _may_be_taken(kind, parent, shard)]
    if not large or not table.num_rows:
        return [], table
    names, keys = shown_columns(kind), KEYS[kind]
    same = " and ".join(f'o."{name}" is not distinct from n."{name}"' for name in names)
    join = " and ".join(f"o.{key} = n.{key}" for key in keys)
    intact: Counter[str] = Counter()
    with closed(within=[parent / FOLDER]) as connection:
        for part, near in _with_nearby_rows(kind, table, parent, large):
            connection.register("incoming", part)
            rows = connection.sql(f"select o.filename from ({near}) o join incoming n on {join} where {same}")  # noqa: S608
            intact.update(Path(name).name for (name,) in rows.fetchall())
        taken = [shard for shard in large if intact[shard["file"]] == shard["rows"]]
        if not taken:
            return [], table

        def others() -> Iterator[pa.Table]:
            for part, near in _with_nearby_rows(kind, table, parent, taken):
                connection.register("incoming", part)
                rest = f"select n.* from incoming n anti join ({near}) o on {join} order by {', '.join(keys)}"  # noqa: S608
                yield with_json_prompts(connection.sql(rest).to_arrow_table())

        return taken, TableFile(kind, others())


def _may_be_taken(kind: Kind, folder: Path, shard: Mapping[str, Any]) -> bool:
    """True for a shard that is here as published, with prompts in today's form."""
    path = folder / FOLDER / shard["file"]
    whole = path.is_file() and f"{digest(path)}.parquet" == str(shard["file"])
    return whole and (kind != "problems" or COLUMN in pq.read_schema(path).names)


def _with_nearby_rows(
    kind: Kind, table: pa.Table, parent: Path, shards: list[dict[str, Any]]
) -> Iterator[tuple[pa.Table, str]]:
    """The rows in key order, in parts and in the form of shards, each with a SELECT of the nearby rows in shards."""
    for part in in_key_order(table, kind, _COMPARED):
        first, last = (part[KEYS[kind][0]][at].as_py() for at in (0, -1))
        yield shown(kind, part), scan_near(kind, parent, shards, [([(first, last)], "true")], filename=True)


def _pieces(kind: Kind, table: pa.Table, shard_bytes: int) -> Iterator[pa.Table]:
    """The rows in key order, cut into shards of about equal size."""
    if not table.num_rows:
        return
    count = -(-table.nbytes // shard_bytes)
    yield from in_key_order(table, kind, -(-table.num_rows // count))


def write_shard(folder: Path, kind: Kind, rows: pa.Table) -> dict[str, Any]:
    """Write rows in key order as one shard of folder/shards; its entry in the listing."""
    temporary = folder / FOLDER / "writing"
    pq.write_table(
        shown(kind, rows), temporary, compression="zstd", row_group_size=_CHUNK
    )  # small row groups: a single row is read without the others
    with temporary.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    name = f"{digest}.parquet"
    temporary.rename(folder / FOLDER / name)
    first, last = (rows[KEYS[kind][0]][at].as_py() for at in (0, -1))
    return {"file": name, "rows": rows.num_rows, "bytes": rows.nbytes, "first": first, "last": last}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


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
        require_shard(folder, shard)
    return _scan(kind, folder, near, filename=filename)


def _span(kind: Kind, folder: Path, shard: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """A shard with its first and last key, read from the file for older listings without them."""
    with closed(within=[folder / FOLDER]) as connection:
        key, rows = KEYS[kind][0], _scan(kind, folder, [([shard], "true")])
        first, last = connection.sql(f"select min({key}), max({key}) from ({rows})").fetchall()[0]  # noqa: S608
    return shard, first, last


def _scan(kind: Kind, folder: Path, parts: Sequence[tuple[list[dict[str, Any]], str]], *, filename: bool = False) -> str:
    """SELECT over shards; without shards, no rows with the right columns; columns missing in old shards are null."""
    extra = ", filename" if filename else ""
    nothing = no_shown_rows(kind)
    selects = [nothing if not filename else f"select *, '' as filename from ({nothing})"]  # noqa: S608
    for shards, condition in parts:
        if not shards:
            continue
        paths = [folder / FOLDER / shard["file"] for shard in shards]
        missing = [path for path in paths if not path.exists()]
        if missing:
            raise SetupError(
                f"{len(missing)} shards of {folder.name} are not here, first {missing[0].name}.",
                next_command=f"rollmill dataset pull {folder.parent.name}@{folder.name}",
            )
        selects.append(
            f"select {_all_columns(kind, paths)} from read_parquet({files(list(map(str, paths)))}, "  # noqa: S608
            f"hive_partitioning=false, filename={str(filename).lower()}, "
            f"union_by_name={str(len(paths) > 1).lower()}) where {condition}"
        )
    names = ", ".join(f'"{name}"' for name in shown_columns(kind))
    return f"select {names}{extra} from ({' union all by name '.join(selects)})"  # noqa: S608


def _all_columns(kind: Kind, paths: Sequence[Path]) -> str:
    """Columns of shards, with today's name of the step column and today's form of the prompt."""
    if kind not in ("problems", "decisions"):
        return "*"
    stored = {name for path in paths for name in pq.read_schema(path).names}
    if kind == "problems":
        return "*" if COLUMN in stored else SHOWN
    if OLD_COLUMN not in stored:
        return "*"
    both = f"* exclude ({OLD_COLUMN}) replace (coalesce(step, {OLD_COLUMN}) as step)"
    return both if "step" in stored else f"* rename ({OLD_COLUMN} as step)"
