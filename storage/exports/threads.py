"""The completions of a version problem by problem with what follows what: those too that nobody judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import duckdb

from storage.exports.rollouts import SCORES_JOIN, dict_rows
from storage.exports.write import Row
from storage.recipe_steps import step_column
from storage.segments.views import no_rows
from storage.threads import Turn, Turns, turns_of
from storage.versions.database import has_table

# What follows nothing is in no table of threads, and is always an answer.
_QUERY = """
with followed as ({threads}), turns as (
    select problem_id, completion_id, step, role, after from followed
    union all select d.problem_id, d.completion_id, {step}, 'answer', '' from decisions d
    anti join followed using (problem_id, completion_id)
)
select t.problem_id, t.completion_id, t.step, t.role, t.after, coalesce(d.kept, false) as kept, d.reason, d.outcome,
       {planned} as planned,
       d.verifier, d.verifier_version, p.prompt, p.reference, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.text, r.reasoning, r.messages, r.engine, r.model, r.sample_index, r.tokens_out, r.finish_reason, r.meta{scores}
from turns t join problems p on p.id = t.problem_id join rollouts r on r.id = t.completion_id
left join decisions d on d.problem_id = t.problem_id and d.completion_id = t.completion_id {planned_join} {scores_join}
order by t.problem_id, r.sample_index, t.completion_id
"""


_JOIN = "left join ({}) w on w.problem_id = t.problem_id and w.completion_id = t.completion_id"
_PLAIN = {"scores": "", "scores_join": "", "planned": "d.outcome", "planned_join": ""}


@dataclass(frozen=True, slots=True)
class ProblemThreads:
    """One problem: its turns, and their rows by completion id, in the order of sample index and completion id."""

    problem_id: str
    turns: Turns
    rows: dict[str, Row]


def problem_threads(
    connection: duckdb.DuckDBPyConnection, *, scores: bool = False, planned: str = ""
) -> Iterator[ProblemThreads]:
    """Problem by problem in order of their ids; a row has the columns of `rollouts`, its step, and meta.

    Of a version in which no step follows another, every completion stands alone. `planned`: a query for what the run was
    planned by (storage.acceptance.planned_sql), where that may be other outcomes.
    """
    follow = "select * from threads" if has_table(connection, "threads") else no_rows("threads")
    stored = {row[0] for row in connection.sql("describe decisions").fetchall()}
    given = {"scores": ", coalesce(s.scores, []) as scores", "scores_join": SCORES_JOIN.format(on="t")} if scores else {}
    given |= {"planned": "coalesce(w.found.outcome, d.outcome)", "planned_join": _JOIN.format(planned)} if planned else {}
    query = _QUERY.format(threads=follow, step=step_column(stored, "d."), **(_PLAIN | given))
    for problem_id, members in groupby(dict_rows(connection.execute(query)), key=lambda row: row["problem_id"]):
        rows = {row["completion_id"]: row for row in members}
        turns = (
            Turn(cid, row["step"], row["role"], tuple(row["after"].split()), row["outcome"]) for cid, row in rows.items()
        )
        yield ProblemThreads(problem_id, turns_of(turns), rows)
