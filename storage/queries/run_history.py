"""History of a run: working times of its stages, round by round, and the problems named by a gate check."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.queries.reader import Reader, run_progress
from storage.queries.scope import Scope

DRAWN, JUDGED = "draw", "verify"


@dataclass(frozen=True, slots=True)
class Span:
    """A stage, or one of its rounds, from its beginning to its last commit; `rows`: rows committed in it."""

    stage: str
    round: int | None
    begun: datetime
    ended: datetime
    rows: int


def timeline(reader: Reader, run_id: str) -> list[Span]:
    """The stages of a run in order of their beginning; SetupError for an unknown run.

    A resumed stage is shown with its last command. Rows stored before the round began are not counted: a run that reuses
    all of them has spans of 0 rows, without a round. Additions after the run's end, such as scores, are not part of it.
    """
    run = reader.runs.get(run_id)
    stages = {stage.stage: stage for stage in run_progress(reader, run_id)}
    spans = [
        Span(name, None, _time(stage.updated_at.timestamp() - stage.seconds), stage.updated_at, stage.done)
        for name, stage in stages.items()
        if name not in (DRAWN, JUDGED)
    ]
    times = reader.runs.batch_times(run_id)
    # A plan without rows marks the end of drawing: it begins no round.
    begun = [at for kind, _, rows, at in times if kind == "plan" and rows]
    for number, start in enumerate(begun):
        end = begun[number + 1] if number + 1 < len(begun) else float("inf")
        for stage, kind in ((DRAWN, "completions"), (JUDGED, "verdicts")):
            here = [(rows, at) for one, _, rows, at in times if one == kind and start <= at < end]
            if here:
                spans.append(Span(stage, number, _time(start), _time(here[-1][1]), sum(rows for rows, _ in here)))
    for name in (DRAWN, JUDGED):
        if name in stages and all(span.stage != name for span in spans):
            at = stages[name].updated_at
            spans.append(Span(name, None, _time(at.timestamp() - stages[name].seconds), at, 0))
    within = (span for span in spans if run.finished_at is None or span.begun <= run.finished_at)
    return sorted(within, key=lambda span: (span.begun, span.ended))


def problems_named(scope: Scope, ids: Sequence[str]) -> list[str]:
    """The problems among these ids, and those whose rollouts are among them, in order."""
    with scope.connection("rollouts") as connection:
        rows = connection.execute(
            "SELECT DISTINCT problem_id FROM rollouts WHERE problem_id IN (SELECT unnest($1)) "
            "OR completion_id IN (SELECT unnest($1)) ORDER BY problem_id",
            [list(ids)],
        ).fetchall()
    return [str(row[0]) for row in rows]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
