"""One problem with all its rollouts: texts, verdicts, scores, decisions, and the rollouts that gave the same answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from storage.errors import SetupError
from storage.queries.scope import Scope
from storage.records import Completion, Problem, Prompt, Score, Verdict
from storage.scores import about, marks_of
from storage.segments.schema import from_table

if TYPE_CHECKING:
    import duckdb


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text; the turns of a conversation under their roles."""
    return prompt if isinstance(prompt, str) else "\n\n".join(f"{turn.role}: {turn.content}" for turn in prompt)


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
    """One rollout: the completion, every verdict on it, and what was decided (kept and reason None while undecided).

    `outcome` is the accepted one, `pending` while a verdict is missing; `deciding` is the verdict that it is, None where a
    policy made it of several. `accepted_by` names the verifier or policy with its version.
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
    arm: str = ""
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemDetail:
    """One problem and its rollouts by arm and sample index."""

    problem: Problem
    rollouts: tuple[RolloutDetail, ...]


def problem_detail(scope: Scope, problem_id: str) -> ProblemDetail:
    """Everything about one problem of a scope; SetupError where the scope has no such problem."""
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        problems = from_table("problems", _table(connection, "SELECT * FROM problems WHERE id = ?", problem_id))
        if not problems:
            raise SetupError(f"{scope.name} has no problem {problem_id!r}.")
        connection.execute("CREATE TEMP TABLE mine AS SELECT * FROM rollouts WHERE problem_id = ?", [problem_id])
        rows = _table(connection, "SELECT * FROM mine ORDER BY arm, sample_index, completion_id").to_pylist()
        completions = _table(connection, _COMPLETIONS, problems[0].prompt_id)
        verdicts = _table(connection, _VERDICTS, problem_id)
        if scope.version is None:
            connection.execute(f"CREATE VIEW scores AS {scope.reader.rows('scores')}")
        scores = _table(connection, _SCORES, problem_id)
    if scope.run is not None:
        scores = about(scores, marks_of(scope.reader.runs, scope.run))
    scored: dict[str, list[Score]] = {}
    for score in from_table("scores", scores):
        scored.setdefault(score.completion_id, []).append(score)
    drawn = {completion.id: completion for completion in from_table("completions", completions)}
    judged: dict[str, list[Verdict]] = {}
    for verdict in from_table("verdicts", verdicts):
        judged.setdefault(verdict.completion_id, []).append(verdict)
    details = []
    for row in rows:
        cid = row["completion_id"]
        detail = _detail(row, drawn.get(cid), judged.get(cid, []))
        details.append(replace(detail, scores=tuple(scored.get(cid, ()))))
    return ProblemDetail(problems[0], tuple(details))


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
        arm=row["arm"],
    )


def _table(connection: "duckdb.DuckDBPyConnection", query: str, *values: str) -> pa.Table:
    table: pa.Table = connection.sql(query, params=list(values)).to_arrow_table()
    return table


NO_ANSWER = "(no answer)"


def answer_groups(rollouts: Sequence[RolloutDetail]) -> list[tuple[str, tuple[RolloutDetail, ...]]]:
    """The rollouts by their final answer, in the form in which it was compared; the most frequent answer first."""
    groups: dict[str, list[RolloutDetail]] = {}
    for rollout in rollouts:
        groups.setdefault(final_answer(rollout), []).append(rollout)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(answer, tuple(members)) for answer, members in ordered]


def final_answer(rollout: RolloutDetail) -> str:
    """The answer that the deciding verifier found, else the first that one did; NO_ANSWER where none did."""
    verdict = rollout.deciding or next((one for one in rollout.verdicts if one.extracted is not None), None)
    extracted = None if verdict is None else verdict.normal_form or verdict.extracted
    return NO_ANSWER if extracted is None else extracted
