"""History of a run: working times of its stages, round by round, the problems named by a gate check, and its output.

The one home of a run's times. All are seconds of work since the run's start (rollmill.storage.runs.Run.worked_until): its
own `seconds`, the spans of its timeline, and the seconds of each stage, which are the lengths of its spans.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollmill.storage.queries.reader import Reader, run_progress
from rollmill.storage.queries.scope import Scope
from rollmill.storage.runs import Run, StageProgress, Times

DRAWN, JUDGED = "draw", "verify"
_KINDS = {DRAWN: "completions", JUDGED: "verdicts"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stage, or one of its rounds, from its beginning to its last commit, in seconds of work since the run's start.

    `rows`: rows committed in it.
    """

    stage: str
    round: int | None
    begun: float
    ended: float
    rows: int


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Times of a run. `seconds`: time of all its work, None before its end.

    `spans`: its stages in the order in which they began. A repeated stage is shown with its last command; drawing and
    judging are shown for every round. Rows stored before the round began are not counted: a run that reuses all of them has
    spans of 0 rows, without a round.
    """

    seconds: float | None
    spans: tuple[Span, ...]

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage; drawing and judging overlap."""
        names = dict.fromkeys(span.stage for span in self.spans)
        return {name: sum(span.ended - span.begun for span in self.spans if span.stage == name) for name in names}

    @property
    def between(self) -> float | None:
        """Seconds outside of spans: starting engines and servers, reading stored rows, planning, and repeated work."""
        if self.seconds is None:
            return None
        covered, reached = 0.0, 0.0
        for span in sorted(self.spans, key=lambda span: span.begun):
            covered += max(0.0, span.ended - max(span.begun, reached))
            reached = max(reached, span.ended)
        return max(0.0, self.seconds - covered)


def run_times(reader: Reader, run_id: str) -> RunTimes:
    """The times of a run; SetupError for an unknown run. Additions after its end, such as scores, are not part of them."""
    run = reader.runs.get(run_id)
    stages = {stage.stage: stage for stage in run_progress(reader, run_id)}
    spans = [_reported(run, stage) for name, stage in stages.items() if name not in _KINDS]
    commits = reader.runs.batch_times(run_id)
    for name in _KINDS:
        if name in stages:
            spans += list(_rounds(run, stages[name], commits)) or [_reported(run, stages[name], rows=0)]
    ended = run.seconds
    within = [span for span in spans if ended is None or span.begun <= ended]
    # Nothing drawn and nothing judged are reported one after the other, each with the seconds of the same reading.
    return RunTimes(ended, tuple(sorted(within, key=lambda span: (span.begun if span.rows else span.ended, span.ended))))


def _reported(run: Run, stage: StageProgress, rows: int | None = None) -> Span:
    """A stage that is reported at its end; but the problems are made first, and reported once the engines are there."""
    last = run.worked_until(stage.updated_at)
    begun = run.worked_until(stage.updated_at.timestamp() - stage.seconds)
    if stage.stage == "synthesize":
        begun = run.worked_until(run.pauses[-1][1]) if run.pauses else 0.0
        last = begun + stage.seconds
    return Span(stage.stage, None, begun, last, stage.done if rows is None else rows)


def _rounds(run: Run, stage: StageProgress, commits: Times) -> Iterator[Span]:
    """A span for each round of drawing or judging in which something was committed, or is under way."""
    # A plan without rows marks the end of drawing: it begins no round.
    begun = [at for kind, _, rows, at in commits if kind == "plan" and rows]
    for number, start in enumerate(begun):
        end = begun[number + 1] if number + 1 < len(begun) else float("inf")
        here = [(rows, at) for kind, _, rows, at in commits if kind == _KINDS[stage.stage] and start <= at < end]
        last = [at for _, at in here[-1:]]
        if number == stage.detail.get("round") and stage.done < stage.total:  # under way, perhaps without a commit yet
            last.append(stage.updated_at.timestamp())
        if last:
            yield Span(stage.stage, number, run.worked_until(start), run.worked_until(max(last)), sum(r for r, _ in here))


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
