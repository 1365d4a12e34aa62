"""The tables that a gate's expectations are about, in DuckDB: narrow rows of a dataset to be, joined and judged again.

`problems`, `rollouts` (completions), `verdicts` and `decisions` have the columns of a version and these: `missing`, the
required columns without a value; `decisions` and `surplus` of a rollout, how many decisions name it and how many too many;
`judged`, `kept` and `pass_rate` of a problem. `joined` has a row per decision with what its verdicts say (`judged`,
`found`), what it recorded (`recorded`), and whether its rows are there (`in_problems`, `in_rollouts`); `kept` are its kept
rows. A column is loaded only if an expectation names it, since texts of a million rollouts are gigabytes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.pool import unjudged_completions
from rollmill.ground.records import Verdict
from rollmill.pipelines.verify.acceptance import Policy, accepted_verdict

REQUIRED: Mapping[str, Sequence[str]] = {
    "problems": ("id", "prompt_id", "prompt", "reference", "kind"),
    "rollouts": ("id", "prompt_id", "engine", "model_digest", "sample_index", "text", "finish_reason"),
    "verdicts": ("completion_id", "problem_id", "verifier", "version", "outcome", "rule"),
    "decisions": (
        "problem_id",
        "completion_id",
        "selector",
        "version",
        "kept",
        "reason",
        "outcome",
        "verifier",
        "verifier_version",
    ),
}
"""The columns of each stored table that have a value in every row."""
_NULLABLE = {"problems": ("level", "skill", "template", "external_id", "meta"), "rollouts": ("tokens_out",)}
_TYPES = {**dict.fromkeys(("sample_index", "level", "tokens_out"), "int64"), "kept": "bool"}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    table: {name: _TYPES.get(name, "string") for name in (*names, *_NULLABLE.get(table, ()))}
    for table, names in REQUIRED.items()
}
"""Types of the columns that the gate relies on."""
ROW_ID: Mapping[str, str] = {
    **dict.fromkeys(("problems", "rollouts"), "id"),
    **dict.fromkeys(("verdicts", "decisions", "joined", "kept"), "completion_id"),
}
"""The column that names a row of each table."""
KINDS: Mapping[str, str] = {**{name: name for name in REQUIRED}, "rollouts": "completions"}
"""The kind of rows of each table that is stored."""
_ALWAYS: Mapping[str, Sequence[str]] = {
    "problems": ("id", "prompt_id"),
    "rollouts": ("id", "prompt_id"),
    "verdicts": ("completion_id", "problem_id", "verifier", "version", "outcome", "value"),
    "decisions": ("problem_id", "completion_id", "kept", "outcome", "verifier", "verifier_version"),
}
PART = 8_192  # rows whose texts are looked at together
_MEMORY = "512MB"  # of DuckDB; more rows are on disk
_OFF = ("autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions")
_BETWEEN = "\x1f"  # what two verifiers say
_KEY = "md5_number({0}.completion_id || ' ' || {0}.problem_id)"  # half the memory of the ids
_ASKED = f"""
SELECT w.says, v.completion_id, v.problem_id FROM (SELECT says, any_value(key) AS key FROM votes GROUP BY ALL) w
JOIN verdicts v ON w.key = {_KEY.format("v")} QUALIFY row_number() OVER (PARTITION BY w.says) = 1
"""  # noqa: S608
_ROLLOUTS = """
CREATE TABLE rollouts AS SELECT i.*, CASE WHEN u.id IS NULL THEN coalesce(d.times, 0) ELSE 1 END AS decisions,
    greatest(decisions - coalesce(p.times, 0), 0) AS surplus
FROM incoming i
LEFT JOIN (SELECT md5_number(completion_id) AS key, count(*) AS times FROM decided GROUP BY 1) d ON d.key = md5_number(i.id)
LEFT JOIN (SELECT prompt_id, count(*) AS times FROM problems GROUP BY 1) p ON p.prompt_id = i.prompt_id
LEFT JOIN (SELECT DISTINCT id FROM unjudged) u ON u.id = i.id
"""
_JOINED = """
CREATE TABLE joined AS SELECT i.* REPLACE (coalesce(i.kept, false) AS kept),
    coalesce(i.outcome, 'none') || ' by ' || coalesce(i.verifier, 'none') || ' ' || coalesce(i.verifier_version, 'none')
        AS recorded,
    coalesce(u.judged, 'no verdict') AS judged, coalesce(u.found, 'no verdict by none none') AS found,
    i.problem_id IN (SELECT id FROM problems) AS in_problems,
    md5_number(i.completion_id) IN (SELECT md5_number(id) FROM rollouts) AS in_rollouts {columns}
FROM decided i LEFT JOIN votes v ON v.key = {key} LEFT JOIN rulings u USING (says) {joins}
"""


def connect(spill: Path) -> duckdb.DuckDBPyConnection:
    """A database in a folder, of which little is in memory, and that no query can lead outside of itself."""
    config: dict[str, Any] = {**dict.fromkeys((*_OFF, "python_enable_replacements"), "false"), "memory_limit": _MEMORY}
    config["disabled_optimizers"] = "build_side_probe_side,join_order"  # rows stay in their order
    connection = duckdb.connect(spill / "gate.duckdb", config={**config, "temp_directory": str(spill)})
    for setting in ("enable_progress_bar = false", "enable_external_access = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return connection


def parts(table: Any, names: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """The rows in batches, of the named columns only: they may be in a file."""
    if isinstance(table, pa.Table):
        return iter((table.select(list(names)) if names else table).to_batches(max_chunksize=PART))
    return iter(table.to_batches(PART, list(names)))


def load_columns(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Any]) -> None:
    """Tables without rows, for the expectations of their columns."""
    for name in REQUIRED:
        connection.register("incoming", pa.schema(tables[name].schema).empty_table())
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608 (our own names)


def load(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Any],
    wanted: Collection[str],
    judges: tuple[Sequence[tuple[str, str]], Policy],
    rates: pa.Table,
) -> None:
    """Every table with the columns that are wanted. `judges`: verifiers in their order, and the policy over them.

    `rates`: id, judged, kept and pass_rate of the problems.
    """
    for name in REQUIRED:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.register("every_rate", rates)
    connection.execute("CREATE TEMP VIEW rates AS SELECT DISTINCT ON (id) * FROM every_rate")
    connection.register("unjudged", pa.table({"id": unjudged_completions(tables["threads"])}))
    problems = _incoming(connection, "problems", tables, wanted)
    connection.execute("CREATE TABLE problems AS SELECT * FROM incoming LEFT JOIN rates USING (id)")
    verdicts = _incoming(connection, "verdicts", tables, wanted)
    connection.execute("CREATE TABLE verdicts AS SELECT * FROM incoming")
    _judge(connection, verdicts, *judges)
    decisions = _incoming(connection, "decisions", tables, wanted)
    connection.execute("CREATE TABLE decided AS SELECT * FROM incoming")
    rollouts = _incoming(connection, "rollouts", tables, wanted)
    connection.execute(_ROLLOUTS)
    taken, columns, joins = {*decisions, *verdicts}, "", ""
    for name, own, key in (("problems", problems, "problem_id"), ("rollouts", rollouts, "completion_id")):
        if added := [f'{name}_."{column}"' for column in own if column not in {*taken, "id", "prompt_id"}]:
            columns += "".join(f", {column}" for column in added)
            joins += f" LEFT JOIN (SELECT DISTINCT ON (id) * FROM {name}) {name}_ ON {name}_.id = i.{key}"  # noqa: S608
            taken |= set(own)
    connection.execute(_JOINED.format(columns=columns, joins=joins, key=_KEY.format("i")))
    for name in ("decided", "votes", "rulings"):
        connection.execute(f"DROP TABLE {name}")
    listed = ", ".join(f'"{column}"' for column in decisions)
    connection.execute(f"CREATE VIEW decisions AS SELECT {listed} FROM joined")  # noqa: S608 (names of our schemas)
    connection.execute("CREATE VIEW kept AS SELECT * FROM joined WHERE kept")


def _incoming(
    connection: duckdb.DuckDBPyConnection, name: str, tables: Mapping[str, Any], wanted: Collection[str]
) -> list[str]:
    """Offer the rows of a table as `incoming`, for one query; the names of its columns."""
    table = tables[name]
    names = [column for column in table.schema.names if column in _ALWAYS[name] or column in wanted]
    schema = pa.schema([*(table.schema.field(column) for column in names), pa.field("missing", pa.string())])
    read = list(dict.fromkeys([*names, *REQUIRED[name]]))
    batches = (_with_missing(part, names, REQUIRED[name], schema) for part in parts(table, read))
    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
    columns: list[str] = schema.names
    return columns


def _with_missing(part: pa.RecordBatch, names: Sequence[str], required: Sequence[str], schema: pa.Schema) -> Any:
    """Some columns of the rows, and the required ones that lack a value, joined by commas; null if none does."""
    lacking = {name: part[name].is_null().to_pylist() for name in required if part[name].null_count}
    rows = zip(*lacking.values(), strict=True)
    listed = [", ".join(compress(lacking, flags)) or None for flags in rows] or pa.nulls(part.num_rows, pa.string())
    text = pa.array(listed, pa.string())
    return pa.RecordBatch.from_arrays([*(part[name] for name in names), text], schema=schema)


def _judge(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], chain: Sequence[tuple[str, str]], policy: Policy
) -> None:
    """Make `votes` (ids, what the verifiers say) and `rulings` (what they say, judged, found), of verdicts in the chain.

    The policy is asked once for all rows of which the chain says the same, about one of them.
    """
    value = "coalesce(value::VARCHAR, '')" if "value" in columns else "''"
    says = f"coalesce(max(outcome || ':' || {value}) FILTER (verifier = ? AND version = ?), '')"
    listed = ", ".join([f"'{_BETWEEN}'", *[says] * len(chain)])
    votes = f"SELECT {_KEY.format('v')} AS key, concat_ws({listed}) AS says FROM verdicts v GROUP BY 1"  # noqa: S608
    connection.execute(f"CREATE TEMP TABLE votes AS {votes}", [part for pair in chain for part in pair])
    connection.execute("CREATE TEMP TABLE rulings (says VARCHAR, judged VARCHAR, found VARCHAR)")
    rows = connection.sql(_ASKED).fetchall()
    for says, *ids in rows:
        heard = [(key, *part.split(":", 1)) for key, part in zip(chain, says.split(_BETWEEN), strict=False) if part]
        known = {
            key: Verdict(ids[0], ids[1], key[0], key[1], outcome, "", value=float(share) if share else None)
            for key, outcome, share in heard
        }
        ruling = accepted_verdict(policy, chain, known) if known else None
        if ruling is not None:
            judge = f"{ruling.outcome} by {ruling.verifier} {ruling.version}"
            connection.execute("INSERT INTO rulings VALUES (?, ?, ?)", [says, ruling.outcome, judge])
