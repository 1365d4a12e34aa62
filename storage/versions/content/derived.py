"""Files of a version that are made of its shards, for other programs: the kept rows as Parquet, and a database of views.

`kept.parquet` has one row per kept rollout with its problem; where problems have several splits, `kept-SPLIT.parquet` has
those of one. `dataset.duckdb` has the tables of a version and the views `joined` and `kept`, as views of the shards by
absolute path, so that it opens in any working folder. These files are local: DVC ignores them, no command of this program
reads them, and whoever fetches a version writes its own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.ground.errors import explained, refusal
from rollmill.ground.files import ensure_lines, write_text
from rollmill.storage.artifacts.layout import DATABASE, KEPT_FILES, LISTING, kept_file, kept_files
from rollmill.storage.dvc import repository
from rollmill.storage.segments.instance import instance, shared_cursor
from rollmill.storage.segments.views import quoted, quoted_name
from rollmill.storage.versions.content.shard_listing import read_listing
from rollmill.storage.versions.content.shard_views import add_views, kept_rows

_FORMAT = "v1.4.0"
"""Of the oldest DuckDB that opens the database."""
_BLOCK = 16_384  # bytes: the database holds views alone
_MEMORY = 256_000_000  # bytes for DuckDB, and
_COPIES = 8  # times the largest shard, which holds the longest text; more goes to disk
_ROWS = 2_048  # of kept rows read at a time
_GROUP_BYTES = 1 << 25  # of rows in a row group
_KEPT = """
select problem_id, completion_id, prompt, prompt_is_messages, reference, k.text, v.extracted as answer,
       * exclude (problem_id, completion_id, prompt, prompt_is_messages, reference, text, extracted)
from kept k left join (
    select completion_id, problem_id, verifier, version as verifier_version, extracted from verdicts
) v using (completion_id, problem_id, verifier, verifier_version)
where {chosen} order by problem_id, completion_id
"""


@contextmanager
def explained_by_machine(where: Path) -> Iterator[None]:
    """Turn refusals by the machine, DuckDB's included, into a SetupError that names `where`."""
    try:
        with explained(where):
            yield
    except duckdb.Error as error:
        if (known := refusal(error, where)) is None:
            raise
        raise known from error


def write_kept(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the kept rows of the version in a folder, in order of problem and completion, beside its shards."""
    splits = manifest["counts"].get("splits")  # versions of older programs have none, and one file
    groups = kept_files(splits or {})
    shards = [shard for listed in (read_listing(folder) or {}).values() for shard in listed]
    with instance() as connection:
        largest = max((shard["bytes"] for shard in shards), default=0)
        connection.execute("set threads = 4")  # each sorts and joins in memory of its own
        connection.execute(f"set memory_limit = '{_MEMORY + _COPIES * largest}B'")
        kept = kept_rows(folder)
        for name, values in groups.items():
            path = folder / kept_file(name, groups)
            temporary = path.with_name(f".{path.name}.tmp")
            chosen = "true" if splits is None else f"coalesce(split, '') in ({', '.join(map(quoted, values)) or 'null'})"
            rows = connection.sql(kept + _KEPT.format(chosen=chosen))
            _write_groups(rows.to_arrow_reader(_ROWS), temporary)
            temporary.replace(path)


def _write_groups(rows: pa.RecordBatchReader, path: Path) -> None:
    """Write rows as Parquet in row groups of bounded size: a reader holds one at a time."""
    held: list[pa.RecordBatch] = []
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for batch in rows:
            held.append(batch)
            if sum(part.nbytes for part in held) >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        writer.write_table(pa.Table.from_batches(held, rows.schema))


def write_database(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the database of views for the place where the version is now."""
    place = folder.resolve()
    temporary = place / f".{DATABASE}.tmp"
    # Of a killed command, or planted: DuckDB reads a log beside a database as changes of it.
    for left in (temporary.name, f"{temporary.name}.wal", f"{DATABASE}.wal"):
        (place / left).unlink(missing_ok=True)
    name = quoted_name(str(temporary))  # no other thread's
    with shared_cursor() as connection:
        options = f"storage_version '{_FORMAT}', block_size {_BLOCK}"
        connection.execute(f"attach {quoted(str(temporary))} as {name} ({options})")
        try:
            connection.execute(f"use {name}")
            add_views(connection, place, manifest)
            connection.execute(f"checkpoint {name}")
        finally:
            connection.execute(f"use memory; detach {name}")
    temporary.replace(place / DATABASE)


def ignore_derived(dataset: Path) -> None:
    """Tell DVC, where there is one, to leave the derived files of a dataset's versions alone; git ignores the list."""
    if repository(dataset, ".dvc") is None:
        return
    folders = sorted(path.parent.name for path in dataset.glob(f"v*/{LISTING}"))
    lines = [f"/v*/{KEPT_FILES}", *(f"/{folder}/{DATABASE}" for folder in folders)]
    write_text(dataset / ".dvcignore", "".join(f"{line}\n" for line in lines))
    ensure_lines(dataset / ".gitignore", ["/.dvcignore"])
