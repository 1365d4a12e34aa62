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
from storage.versions.snapshot import KEYS, TABLES, Snapshot

TABLE_NAMES: Mapping[Kind, str] = {kind: "rollouts" if kind == "completions" else kind for kind in TABLES}

_JOINED = """
create view joined as
select d.problem_id, d.completion_id, d.kept, d.reason, d.outcome,
       case when p.prompt like '"%' then p.prompt ->> '$' else p.prompt end as prompt,
       p.reference, r.text, r.reasoning, r.messages, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.engine, r.model, r.model_digest, r.sample_index, r.seed, r.finish_reason, r.tokens_in, r.tokens_out,
       d.selector, d.version as selector_version, d.verifier, d.verifier_version
from decisions d join problems p on p.id = d.problem_id join rollouts r on r.id = d.completion_id
"""
_KEPT = "create view kept as select * exclude (kept) from joined where kept order by problem_id, completion_id"


def write_database(path: Path, snapshot: Snapshot, manifest: Mapping[str, Any]) -> None:
    """Write the rows and the manifest of a version into a new file."""
    with duckdb.connect(str(path)) as connection:
        for kind, table in snapshot.tables():
            connection.register("incoming", table)
            order = ", ".join(KEYS[kind])
            connection.execute(f"create table {TABLE_NAMES[kind]} as select * from incoming order by {order}")  # noqa: S608
            connection.unregister("incoming")
        add_manifest_and_views(connection, manifest)
        connection.execute("checkpoint")


def add_manifest_and_views(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """The table `manifest` and the views `joined` and `kept`, over tables (or views) of the rows that exist already."""
    rows = [(key, canonical_json(manifest[key])) for key in sorted(manifest)]
    connection.execute("create table manifest (key varchar primary key, value varchar)")
    connection.executemany("insert into manifest values (?, ?)", rows)
    connection.execute(_JOINED)
    connection.execute(_KEPT)


def read_table(connection: duckdb.DuckDBPyConnection, kind: Kind) -> pa.Table:
    """One table of a version file, with the columns and types of its kind, in key order."""
    columns = ", ".join(f'"{name}"' for name in SCHEMAS[kind].names)
    order = ", ".join(KEYS[kind])
    query = f"select {columns} from {TABLE_NAMES[kind]} order by {order}"  # noqa: S608
    table: pa.Table = connection.sql(query).to_arrow_table()
    return table.cast(SCHEMAS[kind])
