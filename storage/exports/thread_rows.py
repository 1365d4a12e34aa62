"""The completions of a version, problem by problem, with their threads; unjudged ones included."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import duckdb

from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import first_step, step_column
from rollmill.ground.threads import Turn, Turns, turns_of
from rollmill.storage.exports.write import Row
from rollmill.storage.segments.views import no_rows, quoted
from rollmill.storage.versions.content.catalogue import has_table
from rollmill.storage.versions.read import fixed_prefix

STORED = "stored_scores"
PLANNED = "planned_outcomes"
# A union without `all`: a score of the version may be stored in the workspace as well.
_SCORES_JOIN = """left join (
    select completion_id, problem_id, list({'scorer': scorer, 'version': version, 'value': value}
           order by scorer, version) as scores from (select completion_id, problem_id, scorer, version, value from scores
                           union select completion_id, problem_id, scorer, version, value from stored_scores)
    group by all) s on s.completion_id = t.completion_id and s.problem_id = t.problem_id
"""
_FETCHED = 2048
# A completion that follows nothing is in no table of threads, and is always an answer.
_QUERY = """
with followed as ({threads}), turns as (
    select problem_id, completion_id, step, role, after from followed
    union all select d.problem_id, d.completion_id, {step}, 'answer', '' from decisions d
    anti join followed using (problem_id, completion_id)
)
select t.problem_id, t.completion_id, t.step, t.role, t.after, coalesce(d.kept, false) as kept, d.reason, d.outcome,
       {planned} as planned,
       d.verifier, d.verifier_version, p.prompt, p.reference, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.text, r.reasoning, r.messages, r.engine, r.model, r.sample_index, r.tokens_out, r.finish_reason, r.meta,
       coalesce({condition}, false) as wanted{scores}{columns}{sent}
from turns t join problems p on p.id = t.problem_id join rollouts r on r.id = t.completion_id
left join decisions d on d.problem_id = t.problem_id and d.completion_id = t.completion_id {planned_join} {scores_join}
{sent_join}
where {where} order by t.problem_id, r.sample_index, t.completion_id
"""


_PLANNED_JOIN = f"left join {PLANNED} w on w.problem_id = t.problem_id and w.completion_id = t.completion_id"
_SENT_JOIN = "left join sent a on a.completion_id = t.completion_id left join prompts m on m.id = a.prompt"
_PLAIN = {"scores": "", "scores_join": "", "planned": "d.outcome", "planned_join": "", "sent": "", "sent_join": ""}


@dataclass(frozen=True, slots=True)
class ProblemThreads:
    """A problem's turns, and their rows by completion id, in the order of sample index and completion id."""

    problem_id: str
    turns: Turns
    rows: dict[str, Row]


def problem_threads(
    connection: duckdb.DuckDBPyConnection,
    *,
    scores: bool = False,
    planned: bool = False,
    sent: bool = False,
    columns: Sequence[str] = (),
    condition: str = "true",
) -> Iterator[ProblemThreads]:
    """The rollouts of each problem as threads, in order of the problem ids. A row holds the columns of a problem, a
    completion and its decision.

    In a version without follow-ups every completion is its own thread. `planned`: use the outcomes of the plan, from the
    connection's table PLANNED, where they differ. `scores`: add the scores of the version and those of the connection's
    table STORED. `sent`: add the messages that the model got, as JSON, None for completions without; SetupError for a
    version that has none. `columns`: further columns of the completion. `condition`: SQL condition on `d` and `r`. Its
    result is the column `wanted` of a row; in a version without follow-ups, rows for which it is false are not read.
    """
    follow = has_table(connection, "threads")
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    given = {
        "threads": "select * from threads" if follow else no_rows("threads"),
        "step": step_column(stored, "d."),
        "condition": condition,
        "where": "true" if follow else condition,
        "columns": "".join(f", r.{name}" for name in columns),
    }
    given |= {"scores": ", coalesce(s.scores, []) as scores", "scores_join": _SCORES_JOIN} if scores else {}
    given |= {"planned": "coalesce(w.outcome, d.outcome)", "planned_join": _PLANNED_JOIN} if planned else {}
    if sent:
        require_prompts(connection)
        given |= {"sent": ", m.messages as sent", "sent_join": _SENT_JOIN}
    query = _QUERY.format(**(_PLAIN | given))
    for problem_id, members in groupby(dict_rows(connection.execute(query)), key=lambda row: row["problem_id"]):
        rows = {row["completion_id"]: row for row in members}
        turns = (
            Turn(cid, row["step"], row["role"], tuple(row["after"].split()), row["outcome"]) for cid, row in rows.items()
        )
        yield ProblemThreads(problem_id, turns_of(turns), rows)


def require_prompts(connection: duckdb.DuckDBPyConnection) -> None:
    """SetupError for a version without prompts as sent."""
    if not (has_table(connection, "sent") and has_table(connection, "prompts")):
        raise SetupError(
            "this version has no prompts as sent: its rollouts were imported, or it was published before they were stored.",
            next_command="--set prompt=problem, without system=as_sent",
        )


def dict_rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    """The rows of a query as dictionaries, read in blocks of some thousand."""
    names = [column[0] for column in cursor.description]
    while batch := cursor.fetchmany(_FETCHED):
        for row in batch:
            yield dict(zip(names, row, strict=True))


def manifest_of(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The manifest of the version."""
    return {key: json.loads(value) for key, value in connection.execute("select key, value from manifest").fetchall()}


def of_prefix(connection: duckdb.DuckDBPyConnection, first: int = 0) -> tuple[int | None, str]:
    """Number of completions of a problem fixed before any verdict, and the SQL condition on `r` and `d` for them.

    None: an import, of which all counts; 0: none. `first`: only the first `first` of them.
    """
    manifest = manifest_of(connection)
    prefix = fixed_prefix(manifest)
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    # Sample indices are counted on each step, and only the first one is measured.
    of_step = f"{step_column(stored, 'd.')} = {quoted(first_step(manifest.get('recipe', {})))}"
    if prefix is None:
        return None, of_step
    return prefix, f"r.sample_index between 0 and {(first or prefix) - 1} and {of_step}"


_RATES = """
select p.id, coalesce(c.judged, 0), c.correct / nullif(c.judged, 0), coalesce(c.correct, 0) from problems p left join (
    select d.problem_id, count(*) filter (d.outcome in ('correct', 'incorrect', 'unparsed')) as judged,
           count(*) filter (d.outcome = 'correct') as correct
    from decisions d join rollouts r on r.id = d.completion_id where {measured} group by 1
) c on c.problem_id = p.id
"""


class ProblemRate(NamedTuple):
    """The pass rate of a problem over the completions fixed before any verdict; None if none is judged."""

    judged: int
    rate: float | None
    correct: int


def rates_of(connection: duckdb.DuckDBPyConnection) -> dict[str, ProblemRate]:
    """The pass rate of each problem."""
    prefix, measured = of_prefix(connection)
    # Without a prefix every rate would be biased, so problems have none.
    rows = connection.execute(_RATES.format(measured="false" if prefix == 0 else measured)).fetchall()
    return {problem: ProblemRate(*rate) for problem, *rate in rows}
