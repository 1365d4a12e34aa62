"""The rows of a version on disk: Parquet files `shards/<table>/<SHA-256>.parquet`, and shards.json, which lists them.

Tables problems, rollouts (all completions of the plan), verdicts, scores, decisions, and where models were asked prompts
and sent (what they got, by digest, and the digest of each completion). Rows lie in key order, and equal rows give equal
files. A parent's shard is taken over if every row of it is in the new version unaltered; all other rows go into new shards.
Equal files of a dataset's versions are hard links, and DVC stores them once: ids of completions are most of a decision, so
the columns that a selector chooses lie in files of their own, and another selection adds these alone. Each version's folder
is complete in itself.

Read through views with the names of the tables; the view `joined` has one row per decision with its problem and completion,
the view `kept` is what training uses.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.ground.recipe_steps import OLD_COLUMN
from rollmill.storage.artifacts.digests import digest
from rollmill.storage.artifacts.layout import FOLDER, LISTING
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.segments.table_file import TableFile
from rollmill.storage.versions.content.catalogue import KEYS, OPTIONAL, TABLE_NAMES, has_table
from rollmill.storage.versions.content.prompts import COLUMN, shown, shown_columns, with_json_prompts
from rollmill.storage.versions.content.shard_listing import Listing, most_bytes, names_of, read_listing
from rollmill.storage.versions.content.shard_types import stored_types
from rollmill.storage.versions.content.shard_views import scan_near
from rollmill.storage.versions.content.snapshot import Snapshot, in_key_order, sorted_by_key

SELECTED = ["run", "selector", "version", "kept", "reason"]
"""Columns of decisions that lie in files of their own."""
_DECIDED = 262_144  # decisions of a shard
_CHUNK = 8_192  # rows of a row group: a single row is read without the others


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
    known = read_listing(parent) if parent else None
    listing: Listing = {}
    (folder / FOLDER).mkdir()
    for kind, table in snapshot.written():
        taken: list[dict[str, Any]] = []
        if known and parent:
            taken, table = _take_over(kind, table, known.get(kind, []), parent, shard_bytes)  # noqa: PLW2901 (what is left to write)
            taken = [_linked(kind, shard, parent, folder) for shard in taken]
        listing[kind] = [*taken, *(write_shard(folder, kind, piece) for piece in _pieces(kind, table, shard_bytes))]
    (folder / LISTING).write_text(json.dumps(listing, indent=1, sort_keys=True) + "\n", encoding="utf-8")


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
        taken = [shard for shard in large if intact[Path(shard["file"]).name] == shard["rows"]]
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
    paths = [folder / FOLDER / name for name in names_of(shard)]
    whole = all(path.is_file() and digest(path, most=most_bytes(shard)) == path.stem for path in paths)
    path = paths[0]
    return whole and (kind != "problems" or COLUMN in stored_types([path])[path])


def _with_nearby_rows(
    kind: Kind, table: pa.Table, parent: Path, shards: list[dict[str, Any]]
) -> Iterator[tuple[pa.Table, str]]:
    """The rows in key order, in parts and in the form of shards, each with a SELECT of the nearby rows in shards."""
    for part in in_key_order(table, kind, _COMPARED):
        first, last = (part[KEYS[kind][0]][at].as_py() for at in (0, -1))
        yield shown(kind, part), scan_near(kind, parent, shards, [([(first, last)], "true")], filename=True)


def _pieces(kind: Kind, table: pa.Table, shard_bytes: int) -> Iterator[pa.Table]:
    """The rows in key order, cut into shards of about equal size; decisions by number, whatever a selector says of them."""
    if not table.num_rows:
        return
    size, most = (table.num_rows, _DECIDED) if kind == "decisions" else (table.nbytes, shard_bytes)
    count = -(-size // most)
    yield from in_key_order(table, kind, -(-table.num_rows // count))


def write_shard(folder: Path, kind: Kind, rows: pa.Table) -> dict[str, Any]:
    """Write rows in key order as one shard of folder/shards; its entry in the listing."""
    first, last = (rows[KEYS[kind][0]][at].as_py() for at in (0, -1))
    entry = {"rows": rows.num_rows, "bytes": rows.nbytes, "first": first, "last": last}
    if kind != "decisions":
        return {"file": _write(folder, TABLE_NAMES[kind], shown(kind, rows)), **entry}
    return {
        "file": _write(folder, TABLE_NAMES[kind], rows.drop_columns(SELECTED)),
        "beside": _write(folder, "selection", rows.select(SELECTED)),
        **entry,
    }


def _write(folder: Path, name: str, rows: pa.Table) -> str:
    """Write a file of rows under its digest; its path below folder/shards."""
    place = folder / FOLDER / name
    place.mkdir(parents=True, exist_ok=True)
    temporary = place / "writing"
    # In one chunk: pages end where chunks do, and equal rows must give equal bytes.
    pq.write_table(rows.combine_chunks(), temporary, compression="zstd", row_group_size=_CHUNK)
    with temporary.open("rb") as handle:
        path = temporary.rename(place / f"{hashlib.file_digest(handle, 'sha256').hexdigest()}.parquet")
    return f"{name}/{path.name}"


def _linked(kind: Kind, shard: Mapping[str, Any], parent: Path, folder: Path) -> dict[str, Any]:
    """A parent's shard as one of the version in `folder`, where its files are hard links or copies."""
    linked = dict(shard)
    for key, table in (("file", TABLE_NAMES[kind]), ("beside", "selection")):
        if key in shard:
            source = parent / FOLDER / shard[key]
            target = folder / FOLDER / table / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:  # another file system, or one without hard links
                shutil.copyfile(source, target)
            linked[key] = f"{table}/{source.name}"
    return linked


def share_equal(folder: Path) -> None:
    """Replace the shards of a version by hard links to equal ones of the dataset's other versions.

    DVC, which copies files to and from its cache, leaves each version with its own.
    """
    for path in sorted((folder / FOLDER).rglob("*.parquet")):
        others = sorted(folder.parent.glob(f"v*/{path.relative_to(folder).as_posix()}"))
        for other in others:
            if path.is_symlink() or other.is_symlink() or other.samefile(path):
                break
            if digest(other, most=path.stat().st_size) == path.stem:
                temporary = path.with_name(f".{path.name}.tmp")
                temporary.unlink(missing_ok=True)  # of a killed command
                with suppress(OSError):
                    os.link(other, temporary)
                    temporary.replace(path)
                break
