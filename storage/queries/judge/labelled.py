"""Imported labels and verdicts: every rollout of a run with its imported label and its accepted outcome."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollmill.storage.queries.scope import Scope

_ROWS = """
SELECT r.problem_id, r.completion_id, r.sample_index, r.outcome, r.verifier, v.rule, v.cause, v.extracted, p.reference,
       c.text, c.finish_reason, c.meta
FROM rollouts r JOIN problems p ON p.id = r.problem_id JOIN completions c ON c.id = r.completion_id
LEFT JOIN verdicts v ON v.completion_id = r.completion_id AND v.problem_id = r.problem_id AND v.verifier = r.verifier
     AND v.version = r.verifier_version
ORDER BY r.problem_id, r.sample_index, r.completion_id
"""
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class LabelledRollout:
    """A rollout with its accepted outcome. `meta`: the fields kept by its import, as JSON text."""

    problem_id: str
    completion_id: str
    sample_index: int
    outcome: str
    verifier: str | None
    rule: str | None
    cause: str | None
    extracted: str | None
    reference: str
    text: str
    finish_reason: str
    meta: str | None


def labelled_rollouts(scope: Scope) -> Iterator[LabelledRollout]:
    """The rollouts of a scope, problem by problem in the order of their samples."""
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        result = connection.execute(_ROWS)
        # With texts, so not all at once.
        while rows := result.fetchmany(_AT_ONCE):
            yield from (LabelledRollout(*row) for row in rows)
