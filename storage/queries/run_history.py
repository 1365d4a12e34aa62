"""History of a run: working times of its stages, round by round, the problems named by a gate check, and its output."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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

    A resumed stage is shown with its last command. Rows stored before the round began are not counted. Additions after the
    run's end, such as scores, are not part of it.
    """
    ended = reader.runs.get(run_id).finished_at
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
    within = (span for span in spans if ended is None or span.begun <= ended)
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


def output_folder(reader: Reader) -> Path:
    """Folder for the output of commands that pages start."""
    return reader.state_folder / "logs" / "started"


def run_outputs(reader: Reader, run_id: str) -> list[Path]:
    """The output of the commands by which pages began or resumed a run, the latest first: RUN.TIME.log."""
    named = re.compile(rf"{re.escape(run_id)}\.\d+\.log")
    paths = [path for path in output_folder(reader).glob("*.log") if named.fullmatch(path.name)]
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
