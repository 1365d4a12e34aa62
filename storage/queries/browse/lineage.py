"""Threads of problems in versions and runs, and a completion's lineage with texts, for people and JSON."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rollmill.ground.recipe_steps import OLD_COLUMN, has_follow_ups
from rollmill.ground.records import CONTINUED, Completion
from rollmill.ground.threads import ANSWER, Turn, Turns, followers, lineage, turns_of
from rollmill.storage.queries.scope import Scope
from rollmill.storage.segments.schema import from_table, text_array
from rollmill.storage.segments.views import quoted

if TYPE_CHECKING:
    import duckdb

    from rollmill.storage.versions.lookup import Lookup

Row = dict[str, Any]
# Rows of the view `threads` with the decisions or verdicts so far, in reading order.
_TURNS = """
SELECT t.problem_id, t.completion_id, t.step, t.role, t.after, r.outcome
FROM threads t SEMI JOIN wanted ON wanted.id = t.problem_id
LEFT JOIN (SELECT problem_id, completion_id, sample_index, outcome FROM rollouts) r USING (problem_id, completion_id)
ORDER BY t.problem_id, r.sample_index, t.completion_id
"""
_TOLD = ("engine", "model", "sample_index", "finish_reason", "text")
EXTRACT = 80  # characters of a turn's own text in its facts
# Ids are literals: DuckDB skips row groups for a list of literals, not for another table.
_FACTS = """
WITH drawn AS (
    SELECT id, tokens_out, substr(text, 1 + coalesce(TRY_CAST(meta ->> '$.prefix' AS INTEGER), 0)) AS own
    FROM completions WHERE id IN ({ids})
)
SELECT d.id, d.tokens_out, CASE WHEN r.completion_id IS NULL THEN left(own, {extract})
    WHEN length(own) > {extract} THEN '…' || right(own, {extract}) ELSE own END, r.kept
FROM drawn d LEFT JOIN (SELECT completion_id, kept FROM rollouts WHERE problem_id = ?) r ON r.completion_id = d.id
"""


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """Facts of a drawn turn: its tokens (None: not counted), an extract of its own text, without the text that it continues
    (its end if it is judged, else its beginning), and whether it was kept (None: undecided or unjudged).
    """

    tokens: int | None = None
    extract: str = ""
    kept: bool | None = None


def turns_in_version(rows: "Lookup", problems: Collection[str]) -> dict[str, Turns]:
    """The turns of these problems by problem; empty for a version without follow-up steps."""
    follow = rows.rows("threads", problems)
    if not follow:
        return {}
    after = {(row["problem_id"], row["completion_id"]): row for row in follow}
    turns_by_problem: dict[str, list[Turn]] = {}
    for row in rows.rows("decisions", problems):
        known = after.pop((row["problem_id"], row["completion_id"]), None)
        step = row.get("step") or row.get(OLD_COLUMN) or ""
        turn = Turn(row["completion_id"], step, ANSWER, _ids(known), row["outcome"])
        turns_by_problem.setdefault(row["problem_id"], []).append(turn)
    for row in after.values():  # unjudged
        turns_by_problem.setdefault(row["problem_id"], []).append(
            Turn(row["completion_id"], row["step"], row["role"], _ids(row))
        )
    return {problem: turns_of(turns) for problem, turns in turns_by_problem.items()}


def turns_in_views(connection: "duckdb.DuckDBPyConnection", problems: Iterable[str]) -> dict[str, Turns]:
    """Turns from the views `threads` and `rollouts` of a scope; empty without follow-ups."""
    connection.register("wanted", pa.table({"id": text_array(sorted(set(problems)))}))
    turns_by_problem: dict[str, list[Turn]] = {}
    for problem, cid, step, role, after, outcome in connection.execute(_TURNS).fetchall():
        turns_by_problem.setdefault(problem, []).append(Turn(cid, step, role, tuple(after.split()), outcome))
    connection.unregister("wanted")
    return {problem: turns_of(turns) for problem, turns in turns_by_problem.items() if any(turn.after for turn in turns)}


def problem_turns(scope: Scope, problem_id: str) -> Turns:
    """The turns of one problem of a run or version; empty for a recipe without follow-up steps."""
    if not scope.step or (scope.run is not None and not has_follow_ups(scope.run.recipe)):
        return {}
    with scope.connection("rollouts", "threads") as connection:
        return turns_in_views(connection, [problem_id]).get(problem_id, {})


def turn_facts(scope: Scope, problem_id: str, ids: Sequence[str]) -> dict[str, TurnFacts]:
    """Facts of these turns of a problem by completion id; a completion that is not drawn yet has none."""
    query = _FACTS.format(extract=EXTRACT, ids=", ".join(map(quoted, ids)) or "NULL")
    with scope.connection("rollouts", "completions") as connection:
        rows = connection.execute(query, [problem_id]).fetchall()
    return {cid: TurnFacts(tokens, extract or "", kept) for cid, tokens, extract, kept in rows}


def has_stopped(scope: Scope, problem_id: str) -> bool:
    """True if nothing more is drawn for a problem: of a version, a decided run, or a run whose budget stopped it."""
    if scope.run is None or scope.decided:
        return True
    with scope.connection() as connection:
        stops = f"SELECT 1 FROM ({scope.reader.rows('stops', scope.run.id)}) WHERE problem_id = ? AND reason <> ?"  # noqa: S608
        return connection.execute(stops, [problem_id, CONTINUED]).fetchone() is not None


def completion_text(scope: Scope, completion_id: str) -> Completion | None:
    """A completion with its text, judged or not; None for one that is not drawn yet."""
    if scope.version is None:
        stored: list[Completion] = scope.reader.fetch("completions", [completion_id])
    else:
        with scope.connection() as connection:
            query = "SELECT * FROM completions WHERE id = ?"
            stored = from_table("completions", connection.sql(query, params=[completion_id]).to_arrow_table())
    return stored[0] if stored else None


def lineage_and_followers(
    threads: Mapping[str, Turns], completion_id: str
) -> tuple[list[tuple[str, Turn]], list[tuple[str, Turn]]]:
    """Lineage of a completion, roots first, and its followers, the nearest first, each with its problem."""
    before: list[tuple[str, Turn]] = []
    behind: list[tuple[str, Turn]] = []
    for problem, turns in threads.items():
        if completion_id in turns:
            before += [(problem, turn) for turn in lineage(turns, completion_id)]
            behind += [(problem, turn) for turn in followers(turns, completion_id)]
    return before, behind


def rows_of_turns(turns: Iterable[tuple[str, Turn]], completions: Mapping[str, Row]) -> tuple[Row, ...]:
    """Turns as rows with the texts of their completions; a completion that is not drawn yet has no text."""
    return tuple(
        {
            **place_of(problem, turn),
            "outcome": turn.outcome,
            **{name: completions.get(turn.completion_id, {}).get(name) for name in _TOLD},
        }
        for problem, turn in turns
    )


def place_of(problem: str, turn: Turn) -> Row:
    """Position of a completion in its thread."""
    return {
        "completion_id": turn.completion_id,
        "problem_id": problem,
        "step": turn.step,
        "role": turn.role,
        "after": list(turn.after),
    }


def _ids(row: Row | None) -> tuple[str, ...]:
    return () if row is None else tuple(row["after"].split())
