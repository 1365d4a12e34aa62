"""dataset.duckdb: the rows of a version as one database file. Knows nothing of the ledger, indexes or numbers.

Tables problems, rollouts (all completions of the plan), verdicts, scores, decisions, manifest; the view `joined` has one
row per decision with its problem and completion, the view `kept` is what training uses. Written by a fresh connection in
key order, so that equal content makes equal tables; the file itself differs in its header on every write.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage.ids import canonical_json
from storage.segments.schema import SCHEMAS, Kind
from storage.versions.snapshot import TABLES, Snapshot, in_key_order, sorted_by_key

_CHUNK = 8_192  # rows handed over at a time, and
_CHUNK_BYTES = 1 << 25  # about so many bytes at most
_CACHE = "1GB"  # DuckDB would otherwise keep what it wrote in memory, up to most of the machine's

TABLE_NAMES: Mapping[Kind, str] = {kind: "rollouts" if kind == "completions" else kind for kind in TABLES}

_JOINED = """
create view joined as
select d.problem_id, d.completion_id, d.kept, d.reason, d.outcome,
       case when p.prompt like '"%' then p.prompt ->> '$' else p.prompt end as prompt,
       p.reference, r.text, r.reasoning, r.messages, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.engine, r.model, r.model_digest, r.sample_index, r.seed, r.finish_reason, r.tokens_in, r.tokens_out,
       d.selector, d.version as selector_version, d.verifier, d.verifier_version{arm}
from decisions d join problems p on p.id = d.problem_id join rollouts r on r.id = d.completion_id
"""
_KEPT = "create view kept as select * exclude (kept) from joined where kept order by problem_id, completion_id"


def write_database(path: Path, snapshot: Snapshot, manifest: Mapping[str, Any]) -> None:
    """Write the rows and the manifest of a version into a new file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"set memory_limit = '{_CACHE}'")
        connection.execute("begin")
        for kind, table in snapshot.tables():
            connection.register("incoming", table.slice(0, 0))
            connection.execute(f"create table {TABLE_NAMES[kind]} as select * from incoming")  # noqa: S608
            # Sorted here: DuckDB would hold every column while it sorts.
            for part in in_key_order(kind, table, _rows_of_a_chunk(table)):
                connection.register("incoming", part)
                connection.execute(f"insert into {TABLE_NAMES[kind]} select * from incoming")  # noqa: S608
            connection.unregister("incoming")
        connection.execute("commit")
        add_manifest_and_views(connection, manifest)
        connection.execute("checkpoint")


def _rows_of_a_chunk(table: pa.Table) -> int:
    """Rows of mean length that make a chunk."""
    rows: int = _CHUNK_BYTES * table.num_rows // max(1, table.nbytes)
    return max(1, min(_CHUNK, rows))


def add_manifest_and_views(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """The table `manifest` and the views `joined` and `kept`, over tables (or views) of the rows that exist already."""
    rows = [(key, canonical_json(manifest[key])) for key in sorted(manifest)]
    connection.execute("create table manifest (key varchar primary key, value varchar)")
    connection.executemany("insert into manifest values (?, ?)", rows)
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    connection.execute(_JOINED.format(arm=", d.arm" if "arm" in stored else ""))
    connection.execute(_KEPT)


def read_table(connection: duckdb.DuckDBPyConnection, kind: Kind) -> pa.Table:
    """One table of a version file, with the columns and types of its kind, in key order."""
    schema = SCHEMAS[kind]
    stored = {row[0] for row in connection.sql(f"describe {TABLE_NAMES[kind]}").fetchall()}
    # A version published before a column existed has none of it: its rows read as null there.
    columns = ", ".join(f'"{name}"' if name in stored else f'null as "{name}"' for name in schema.names)
    found = connection.sql(f"select {columns} from {TABLE_NAMES[kind]}").to_arrow_reader(_CHUNK)  # noqa: S608
    table = pa.Table.from_batches(found, found.schema).cast(schema)
    return sorted_by_key(kind, table)  # as it was written, so nothing is copied
