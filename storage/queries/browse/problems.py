"""A problem with all its rollouts: texts, verdicts, scores, decisions, and the rollouts grouped by answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Problem, Prompt, Score, Verdict
from rollmill.storage.queries.browse.evidence import Words, rule_words
from rollmill.storage.queries.browse.explore_index import ExploreIndex
from rollmill.storage.queries.browse.sent import sent_in_scope
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import Scope
from rollmill.storage.scores import about, marks_of
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import from_table, text_array
from rollmill.storage.segments.views import quoted

if TYPE_CHECKING:
    import duckdb


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text; the turns of a conversation under their roles."""
    return prompt if isinstance(prompt, str) else "\n\n".join(f"{turn.role}: {turn.content}" for turn in prompt)


Row = dict[str, Any]
_MINE = "SELECT * FROM rollouts WHERE problem_id = ? ORDER BY step, sample_index, completion_id"
_INDEXED = """
SELECT r.completion_id, p.id AS problem_id, r.sample_index, r.step::VARCHAR AS step, c.outcome::VARCHAR AS outcome,
       c.kept = 'yes' AS kept, c.reason::VARCHAR AS reason, r.verifier::VARCHAR AS verifier,
       r.verifier_version::VARCHAR AS verifier_version
FROM rollouts r JOIN cells c USING (cell) JOIN problems p ON p.problem = r.problem
WHERE p.id = ? ORDER BY r.step::VARCHAR, r.sample_index, r.completion_id
"""
_COMPLETIONS = "SELECT * FROM completions WHERE id IN (SELECT completion_id FROM mine) AND prompt_id = ?"
_SCORES = (
    "SELECT * FROM scores WHERE completion_id IN (SELECT completion_id FROM mine) AND problem_id = ? "
    "ORDER BY completion_id, scorer, version"
)
_VERDICTS = (
    "SELECT * FROM verdicts WHERE completion_id IN (SELECT completion_id FROM mine) AND problem_id = ? "
    "ORDER BY completion_id, verifier, version"
)


@dataclass(frozen=True, slots=True)
class RolloutDetail:
    """A rollout: the completion, every verdict on it, and its decision (kept and reason None while undecided).

    `outcome` is the accepted one, `pending` while a verdict is missing; `deciding` is the verdict behind it, None for an
    outcome that a policy made of several. `accepted_by` names the verifier or policy with its version. `sent`: the messages
    that the model got, if they are stored.
    """

    completion: Completion | None
    sample_index: int
    outcome: str
    kept: bool | None
    reason: str | None
    verdicts: tuple[Verdict, ...]
    deciding: Verdict | None
    label: bool | None
    accepted_by: str | None = None
    step: str = ""
    scores: tuple[Score, ...] = ()
    sent: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemDetail:
    """A problem and its rollouts by step and sample index. `words`: those of the rules that judged them."""

    problem: Problem
    rollouts: tuple[RolloutDetail, ...]
    words: Words = field(default_factory=dict)


def indexed_rollouts(index: ExploreIndex, problem_id: str) -> list[Row]:
    """The rollouts of a problem from an index, in the form of `problem_detail`."""
    with index.cursor() as cursor:
        return list(cursor.sql(_INDEXED, params=[problem_id]).to_arrow_table().to_pylist())


def whole_problems(scope: Scope, ids: Sequence[str]) -> dict[str, Problem]:
    """Problems of a scope by id, with their full texts."""
    if scope.version is None:
        stored = scope.reader.fetch("problems", ids)
    else:
        with scope.connection() as connection:
            connection.register("wanted", pa.table({"id": text_array(ids)}))
            stored = from_table("problems", _table(connection, "SELECT * FROM problems SEMI JOIN wanted USING (id)"))
    return {problem.id: problem for problem in stored}


def problem_detail(scope: Scope, problem_id: str, rollouts: Sequence[Row] | None = None) -> ProblemDetail:
    """The full record of one problem of a scope; SetupError for an unknown problem.

    `rollouts`: its rows of the view `rollouts` in order, if they are known.
    """
    stored = scope.version is None
    with scope.connection(*(() if stored else ("completions", "verdicts"))) as connection:
        rows = _table(connection, _MINE, problem_id).to_pylist() if rollouts is None else rollouts
        connection.register("mine", pa.table({"completion_id": text_array([r["completion_id"] for r in rows])}))
        if stored:
            connection.execute(f"CREATE VIEW scores AS {scope.reader.rows('scores')}")
            wanted = [row["completion_id"] for row in rows]
            problems, completions, verdicts = _stored(connection, scope.reader, problem_id, wanted)
        else:
            problems = from_table("problems", _table(connection, "SELECT * FROM problems WHERE id = ?", problem_id))
            of = problems[0].prompt_id if problems else ""
            completions = from_table("completions", _table(connection, _COMPLETIONS, of))
            verdicts = from_table("verdicts", _table(connection, _VERDICTS, problem_id))
        scores = _table(connection, _SCORES, problem_id)
        sent = sent_in_scope(connection, scope, [row["completion_id"] for row in rows])
    # Problems of a run are looked up in the whole workspace, which may hold one outside the run's plan.
    if not problems or (scope.run is not None and not rows):
        raise SetupError(f"{scope.name} has no problem {problem_id!r}.")
    # Scores that apply to another run's rollouts are stored under the same completions.
    if scope.run is not None and len(scores):
        scores = about(scores, marks_of(scope.reader.runs, scope.run))
    scored: dict[str, list[Score]] = {}
    for score in from_table("scores", scores):
        scored.setdefault(score.completion_id, []).append(score)
    texts = {completion.id: completion for completion in completions}
    judged: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        judged.setdefault(verdict.completion_id, []).append(verdict)
    details = []
    for row in rows:
        cid = row["completion_id"]
        detail = _detail(row, texts.get(cid), judged.get(cid, []))
        details.append(replace(detail, scores=tuple(scored.get(cid, ())), sent=sent.get(cid, ())))
    return ProblemDetail(problems[0], tuple(details), rule_words(scope.reader, verdicts))


def _stored(
    connection: "duckdb.DuckDBPyConnection", reader: Reader, problem: str, wanted: Sequence[str]
) -> tuple[list[Problem], list[Completion], list[Verdict]]:
    """A problem of the workspace, these completions, and every verdict on them.

    Scanning a column takes a fraction of the time of building an index over all rows. Ids are literals: DuckDB skips row
    groups for a list of literals, not for another table.
    """
    # An empty list is no SQL, and nothing equals NULL.
    ids = ", ".join(map(quoted, wanted)) or "NULL"
    chosen: dict[Kind, str] = {
        "problems": f"id = {quoted(problem)}",
        "completions": f"id IN ({ids})",
        "verdicts": f"problem_id = {quoted(problem)} AND completion_id IN ({ids})",
    }
    problems, completions, verdicts = (
        from_table(kind, _table(connection, f"SELECT * FROM ({reader.rows(kind)}) WHERE {where}"))  # noqa: S608 - quoted
        for kind, where in chosen.items()
    )
    # As the query of a version sorts them: segments come in the order of registration.
    verdicts.sort(key=lambda verdict: (verdict.completion_id, verdict.verifier, verdict.version))
    return problems, completions, verdicts


def _detail(row: dict[str, Any], completion: Completion | None, verdicts: list[Verdict]) -> RolloutDetail:
    named = (row["verifier"], row["verifier_version"])
    deciding = next((verdict for verdict in verdicts if (verdict.verifier, verdict.version) == named), None)
    label = None if completion is None else completion.meta.get("is_correct")
    return RolloutDetail(
        completion=completion,
        sample_index=row["sample_index"],
        outcome=row["outcome"],
        kept=row["kept"],
        reason=row["reason"],
        verdicts=tuple(verdicts),
        deciding=deciding,
        label=label if isinstance(label, bool) else None,
        accepted_by=None if row["verifier"] is None else " ".join(named),
        step=row["step"],
    )


def _table(connection: "duckdb.DuckDBPyConnection", query: str, *values: str) -> pa.Table:
    table: pa.Table = connection.sql(query, params=list(values)).to_arrow_table()
    return table


NO_ANSWER = "(no answer)"


def answer_groups(rollouts: Sequence[RolloutDetail]) -> list[tuple[str, tuple[RolloutDetail, ...]]]:
    """The rollouts by final answer, in its compared form; the most frequent answer first."""
    groups: dict[str, list[RolloutDetail]] = {}
    for rollout in rollouts:
        groups.setdefault(final_answer(rollout), []).append(rollout)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(answer, tuple(members)) for answer, members in ordered]


def final_answer(rollout: RolloutDetail) -> str:
    """The answer in the deciding verdict, else in the first verdict with one; NO_ANSWER without any."""
    # A policy may decide by several verdicts: then none is the deciding one.
    verdict = rollout.deciding or next((verdict for verdict in rollout.verdicts if verdict.extracted is not None), None)
    extracted = None if verdict is None else verdict.normal_form or verdict.extracted
    return NO_ANSWER if extracted is None else extracted
