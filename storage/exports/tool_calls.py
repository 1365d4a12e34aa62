"""Calls of tools in a version, and the tools that its completions were offered."""

from collections.abc import Iterable, Iterator, Sequence

import duckdb

from rollmill.storage.exports.write import TOOLS, Row

_ANY = """select exists (select 1 from rollouts where contains(messages, '"kind":"tool_'))
    or exists (select 1 from problems where contains(prompt::varchar, '"kind":"tool_'))"""
# An import keeps the column with the completion, or with the problem where that has a file of its own.
_OFFERED = """
select d.completion_id, d.problem_id, coalesce(r.meta::json -> '$.tools', p.meta::json -> '$.tools')::varchar as offered
from decisions d join rollouts r on r.id = d.completion_id join problems p on p.id = d.problem_id
where contains(r.meta::varchar, '"tools"') or contains(p.meta::varchar, '"tools"')
"""


def has_calls(connections: Iterable[duckdb.DuckDBPyConnection]) -> bool:
    """True if a turn of one of these versions calls a tool, or is the result of a call."""
    return any(connection.execute(_ANY).fetchall()[0][0] for connection in connections)


def with_offered(rows: Iterator[Row], connections: Sequence[duckdb.DuckDBPyConnection]) -> Iterator[Row]:
    """The rows with the tools of their completion, as JSON text; a row of several completions has those of its problem."""
    texts: dict[str, str] = {}
    known: dict[str, str | None] = {}
    for connection in connections:
        for completion, problem, offered in connection.execute(_OFFERED).fetchall():
            text = None if offered is None else texts.setdefault(offered, offered)
            known |= {completion: text, problem: known.get(problem) or text}
    for row in rows:
        yield row | {TOOLS: known.get(str(row.get("id"))) or known.get(str(row.get("problem_id")))}
