"""Check of a version's database file: it holds the tables of a version with their columns, and the views of this program.

A file that came from elsewhere may have any catalogue: a view in place of a table reads files of whoever selects from it,
and a macro, a default or a generated column computes what nobody published. Nothing of such a file is read.
"""

import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.ground.errors import FoundWanting
from rollmill.ground.recipe_steps import OLD_COLUMN, step_column
from rollmill.storage.segments.instance import closed, closed_database
from rollmill.storage.segments.keys import COLUMNS, Kind
from rollmill.storage.segments.views import quoted_name
from rollmill.storage.versions.content.prompts import COLUMN

if TYPE_CHECKING:
    import duckdb

TABLES: tuple[Kind, ...] = ("problems", "completions", "verdicts", "scores", "decisions", "threads", "prompts", "sent")
OPTIONAL: frozenset[Kind] = frozenset({"threads", "prompts", "sent"})
"""A version without such rows has no such table, as all had before there were any."""
TABLE_NAMES: Mapping[Kind, str] = {kind: "rollouts" if kind == "completions" else kind for kind in TABLES}
MANIFEST = "manifest"
JOINED = """
select d.problem_id, d.completion_id, d.kept, d.reason, d.outcome,
       {prompt}{sent},
       p.reference, r.text, r.reasoning, r.messages, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.engine, r.model, r.model_digest, r.sample_index, r.seed, r.finish_reason, r.tokens_in, r.tokens_out,
       d.selector, d.version as selector_version, d.verifier, d.verifier_version{step}
from decisions d join problems p on p.id = d.problem_id join rollouts r on r.id = d.completion_id{sent_join}
"""
KEPT = "select * exclude (kept) from joined where kept order by problem_id, completion_id"
_SENT = (
    ", m.messages as prompt_as_sent",
    " left join sent s on s.completion_id = d.completion_id left join prompts m on m.id = s.prompt",
)
_PROMPT = f"p.prompt, p.{COLUMN}"
_JSON_PROMPT = """case when p.prompt like '"%' then p.prompt ->> '$' else p.prompt end as prompt"""
_OTHERS: Mapping[str, str] = {
    "macro": "function_name FROM duckdb_functions() WHERE NOT internal",
    "type": "type_name FROM duckdb_types() WHERE NOT internal",
    "schema": "schema_name FROM duckdb_schemas() WHERE NOT internal",
    "sequence": "sequence_name FROM duckdb_sequences() WHERE true",
    "trigger": "trigger_name FROM duckdb_triggers() WHERE true",
    "index": "index_name FROM duckdb_indexes() WHERE true",
    "constraint": "constraint_name FROM duckdb_constraints() WHERE constraint_type NOT IN ('PRIMARY KEY', 'NOT NULL')",
}
_known: set[tuple[object, ...]] = set()


def joined_rows(stored: set[str], *, sent: bool) -> str:
    """SELECT of the view `joined` over decisions with these columns; `sent`: the version has the prompts as sent."""
    column, join = _SENT if sent else ("", "")
    return JOINED.format(prompt=_PROMPT, step=_step(stored), sent=column, sent_join=join)


def require_catalogue(path: Path, ref: str, again: str) -> None:
    """FoundWanting for a database file with anything but the tables and views of a version; `again` is the next command.

    An unchanged file is looked at once in a process.
    """
    log = path.with_name(f"{path.name}.wal")
    if os.path.lexists(log):  # DuckDB reads it as changes of the rows, also in a file that it only reads
        raise FoundWanting(
            f"{log.name} beside the rows of {ref} was not published; nothing of them is read.",
            next_command=f"rm {shlex.quote(str(log))}",
        )
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ino)
    if key in _known:
        return
    with closed_database(path) as connection:
        odd = next(oddities(connection), None)
    if odd is not None:
        raise FoundWanting(f"{path.name} of {ref} {odd}; nothing of it is read.", next_command=again)
    _known.add(key)


def oddities(connection: "duckdb.DuckDBPyConnection") -> Iterator[str]:
    """Objects that a closed connection's database has beside the tables and views of a version."""
    for what, query in _OTHERS.items():
        rows = connection.execute(f"SELECT {query} AND database_name = current_catalog()").fetchall()
        yield from (f"holds the {what} {str(name)!r}" for (name,) in rows)
    columns = _columns(connection)
    wanted = {MANIFEST, *(name for kind, name in TABLE_NAMES.items() if kind not in OPTIONAL)}
    yield from (f"has no table {name!r}" for name in sorted(wanted - columns.keys()))
    kinds = {name: kind for kind, name in TABLE_NAMES.items()}
    for table, stored in columns.items():
        if table != MANIFEST and table not in kinds:
            yield f"holds the table {table!r}"
            continue
        known = {"key": "VARCHAR", "value": "VARCHAR"} if table == MANIFEST else column_types(kinds[table])
        for name, (kind, computed) in stored.items():
            if computed or known.get(name) != kind:
                yield f"has the column {name!r} of {kind[:40]} in {table}"
    yield from _odd_views(connection, columns)


KEYS: Mapping[Kind, tuple[str, ...]] = {
    "problems": ("id",),
    "completions": ("id",),
    "verdicts": ("completion_id", "problem_id", "verifier", "version"),
    "scores": ("completion_id", "problem_id", "scorer", "version"),
    "decisions": ("problem_id", "completion_id"),
    "threads": ("problem_id", "completion_id"),
    "prompts": ("id",),
    "sent": ("completion_id",),
}
"""The columns by which the rows of a kind are told apart, and ordered in a version."""


def column_types(kind: Kind) -> dict[str, str]:
    """DuckDB's type of each column that a kind has, or had, in versions."""
    types = dict(COLUMNS[kind])
    if kind == "problems":
        types[COLUMN] = "BOOLEAN"
    if "step" in types:
        types[OLD_COLUMN] = "VARCHAR"
    return types


def require_types(stored: Mapping[str, str], path: Path, kind: Kind, ref: str, again: str) -> None:
    """FoundWanting for a shard with a column of another name or type; `stored`: DuckDB's type of each of its columns."""
    types = column_types(kind)
    for name, sql_type in stored.items():
        if sql_type != types.get(name, ""):
            odd = f"has the column {name!r} of {sql_type[:40]} in {kind}"
            raise FoundWanting(f"{path.name} of {ref} {odd}; nothing of it is read.", next_command=again)


def has_table(connection: "duckdb.DuckDBPyConnection", kind: Kind) -> bool:
    """True for a version with this optional table: a query for no rows costs half of DuckDB's lists of tables and views."""
    import duckdb

    try:
        connection.execute(f"SELECT 1 FROM {TABLE_NAMES[kind]} LIMIT 0")  # noqa: S608 - ours
    except duckdb.CatalogException:
        return False
    return True


def _columns(connection: "duckdb.DuckDBPyConnection") -> dict[str, dict[str, tuple[str, bool]]]:
    """Type of each column of each base table, and whether it is computed: generated, or with a default."""
    tables: dict[str, dict[str, tuple[str, bool]]] = {}
    query = """
        SELECT t.table_name, c.column_name, c.data_type, c.is_generated OR c.column_default IS NOT NULL
        FROM duckdb_tables() t JOIN duckdb_columns() c USING (database_name, schema_name, table_name)
        WHERE t.database_name = current_catalog() AND NOT t.temporary ORDER BY ALL
    """
    for table, name, kind, computed in connection.execute(query).fetchall():
        tables.setdefault(table, {})[name] = (kind, bool(computed))
    return tables


def _odd_views(
    connection: "duckdb.DuckDBPyConnection", columns: Mapping[str, Mapping[str, tuple[str, bool]]]
) -> Iterator[str]:
    """The views that are not those of this program or of an older one, by text."""
    query = "SELECT view_name, sql FROM duckdb_views() WHERE database_name = current_catalog() AND NOT internal"
    rows = connection.execute(f"{query} ORDER BY 1").fetchall()
    if not rows:
        return
    tables = tuple(
        (name, tuple((column, kind) for column, (kind, _) in stored.items())) for name, stored in columns.items()
    )
    ours = _our_views(tables)
    for name, text in rows:
        if text not in ours.get(name, ()):
            yield f"holds another view {name!r} than Rollmill writes"


@cache
def _our_views(tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> dict[str, set[str]]:
    """The texts of our views over tables with these columns, as DuckDB writes them."""
    import duckdb

    texts: dict[str, set[str]] = {}
    stored = {column for name, columns in tables if name == "decisions" for column, _ in columns}
    # Older programs wrote prompts as JSON, and gave a step by its column alone or not at all.
    steps = {_step(stored), f", d.{OLD_COLUMN}" if OLD_COLUMN in stored else "", ""}
    with closed() as scratch:
        for name, columns in tables:
            listed = ", ".join(f"{quoted_name(column)} {kind}" for column, kind in columns)
            scratch.execute(f"CREATE TABLE {quoted_name(name)} ({listed})")
        for prompt, step, (sent, join) in itertools.product((_PROMPT, _JSON_PROMPT), steps, (("", ""), _SENT)):
            try:
                scratch.execute(
                    "create view joined as " + JOINED.format(prompt=prompt, step=step, sent=sent, sent_join=join)
                )
                scratch.execute("create view kept as " + KEPT)
            except duckdb.Error:  # these tables lack a column of it
                continue
            for name, text in scratch.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall():
                texts.setdefault(name, set()).add(text)
                scratch.execute(f"DROP VIEW {name}")
    return texts


def _step(stored: set[str]) -> str:
    return f", nullif({step_column(stored, 'd.')}, '') as step" if stored & {"step", OLD_COLUMN} else ""
