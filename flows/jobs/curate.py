"""The job `curate`: problems, completions, verdicts, scores, selection, gate and publication of a recipe.

Each stage reads what earlier ones committed, so a stage that is done again resumes.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rollmill.flows.curation.gating import attempts, check_gate, gate_failed, with_attempt
from rollmill.flows.curation.outcome import outcome_of, write_reports
from rollmill.flows.curation.snapshot import DecidedRun, decided_run
from rollmill.flows.driver import Executor, Outcome
from rollmill.flows.job import Job
from rollmill.flows.jobs.record import end_run, repair_attempts, worked_on
from rollmill.flows.jobs.unchanged import leave_mark, program
from rollmill.flows.limits import check_refused, limit_reached
from rollmill.flows.progress import Progress, Stage
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.rounds import OpenRun
from rollmill.flows.session import open_session, recipe_of
from rollmill.storage.run_records import NOTHING_NEW

if TYPE_CHECKING:
    from rollmill.flows.rounds import RoundResult
    from rollmill.pipelines.gate import GateResult


class Curate:
    """A recipe to a dataset version."""

    def __init__(self, job: Job, loaded: LoadedRecipe | None = None) -> None:
        self.job, self.loaded = job, loaded or recipe_of(job)

    def recipe(self) -> dict[str, Any]:
        """Canonical form of the recipe."""
        return self.loaded.canonical()

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command

    @contextmanager
    def open(self, progress: Progress) -> Iterator[OpenRun]:
        """The run, opened or resumed in its workspace after repairing what a killed command left."""
        program()  # before the run, for its mark
        with open_session(self.job, progress) as session, worked_on(session, self.loaded) as run:
            yield run

    def prepare(self, run: OpenRun) -> None:
        """Build the engines."""
        build_engines(run)

    def stages(self, run: OpenRun, executor: Executor) -> Outcome:
        """Every stage in order; GateFailed and LimitReached if one ends the run early.

        Where a segment turns out corrupt they are done again, which makes its rows again.
        """
        for attempt in repair_attempts(run.session, run):
            with attempt:
                executor.stage("synthesize", partial(synthesize, run), run=run.id)
                draw_and_score(run, executor)
                decided = executor.stage("select", partial(decide, run), run=run.id)
                checked = executor.stage("gate", partial(gate, decided), run=run.id)
                outcome = executor.stage("publish", partial(publish, decided, checked), run=run.id)
        outcome["seconds"] = round(run.elapsed, 1)
        end_run(run, "done", outcome)
        leave_mark(run, outcome)
        return outcome

    def run_of(self, run: OpenRun) -> str:
        """The id of the run."""
        return run.id

    def report(self, outcome: Outcome) -> Outcome:
        """The outcome unchanged: the reports are written when the version is published."""
        return outcome

    def check(self, outcome: Outcome) -> None:
        """Nothing: the gate is a stage."""

    def line(self, outcome: Outcome) -> str:
        """The version, and how much was drawn."""
        created = "published" if outcome["created"] else NOTHING_NEW
        return f"{outcome['dataset']}@v{outcome['version']} {created}, {outcome['spent']['drawn']:,} drawn"


def draw_and_score(run: OpenRun, executor: Executor) -> None:
    """Every round of the run, then its scores."""
    for number in count():
        with DrawnRound(run, number) as drawn:
            if not executor.stage("draw", drawn.draw, run=run.id, round=number):
                break
            executor.stage("verify", drawn.verify, run=run.id, round=number)
    if run.spec.scorers:
        executor.stage("score", partial(score, run), run=run.id)


def build_engines(run: OpenRun) -> None:
    """Build the engine of every step that is drawn: a model takes seconds to load."""
    for step in run.spec.drawing:
        run.engine(step.name)


def synthesize(run: OpenRun) -> None:
    """Report the problems, which were made or read when the run was opened."""
    size = len(run.spec.problems)
    detail = {} if run.imported is None else {"lines": run.imported.lines()}
    _report(run, Stage("synthesize", size, size, seconds=run.seconds, detail=detail))


class DrawnRound:
    """One round of a run in two stages: its completions, which are judged as they come, and the rest of their verdicts.

    Either stage may be called again after a failure. At the end of a `with` block the threads of the round leave.
    """

    def __init__(self, run: OpenRun, number: int) -> None:
        self._run, self._number = run, number
        self._parts: Generator[RoundResult | None, None, None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._parts is not None:
            self._parts.close()

    def draw(self) -> bool:
        """Plan the round unless it is planned, and draw its missing completions; False when drawing is over."""
        from rollmill.flows.rounds import plan_round, round_parts
        from rollmill.flows.sampling.sample import SpendLimitReached

        try:
            rows = plan_round(self._run, self._number)
        except SpendLimitReached as reached:  # of a search whose process asks a model
            raise limit_reached(self._run, reached.reason, f"Round {self._number} is not planned.") from None
        if rows is None:
            return False
        self._parts = round_parts(self._run, rows)
        next(self._parts)
        return True

    def verify(self) -> None:
        """Judge what is drawn and not judged yet; LimitReached if a limit ended the round."""
        if self._parts is None:  # an attempt before this one failed
            self.draw()
        assert self._parts is not None
        parts, self._parts = self._parts, None
        with closing(parts):
            *_, result = parts
        assert result is not None
        if result.stopped is not None:
            raise limit_reached(self._run, result.stopped, f"Round {result.round} drew {result.drawn:,} here.")


def score(run: OpenRun) -> None:
    """Give every rollout the numbers of the recipe's scorers, where they are not stored."""
    from rollmill.flows.rounds import score_run
    from rollmill.flows.sampling.sample import SpendLimitReached

    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        run.session.progress.tell(Stage("score", done, total, seconds=time.monotonic() - started))

    try:
        counts = score_run(run, tell)
    except SpendLimitReached as reached:
        raise limit_reached(run, reached.reason, "Not every rollout is scored.") from None
    # Every scorer has the same rows.
    rows = max((scored.stored + scored.made + scored.unscored for scored in counts), default=0)
    _report(run, Stage("score", rows, rows, seconds=time.monotonic() - started))


def decide(run: OpenRun) -> DecidedRun:
    """Select: one decision with a reason per rollout, and what would be published of them."""
    started = time.monotonic()
    decided = decided_run(run)
    check_refused(run, decided.snapshot.manifest["funnel"]["replies"])
    rows = len(decided.report.decisions)
    _report(run, Stage("select", rows, rows, seconds=time.monotonic() - started))
    return decided


def gate(decided: DecidedRun) -> "GateResult":
    """Check what would be published; FoundWanting names the rows that failed it."""
    started = time.monotonic()
    result = check_gate(decided)
    passed = sum(bool(check.passed) for check in result.checks)
    detail = {**with_attempt(decided, passed=result.passed), "checks": [check.brief() for check in result.checks]}
    # The stage is reported before the gate may fail, so that every attempt is counted.
    seconds = time.monotonic() - started
    _report(decided.run, Stage("gate", passed, len(result.checks), seconds=seconds, detail=detail))
    if not result.passed:
        raise gate_failed(decided, result)
    return result


def publish(decided: DecidedRun, result: "GateResult") -> Outcome:
    """Publish what passed the gate as a dataset version, or say that this content is one already."""
    from rollmill.flows.recipe.servers import server_keys
    from rollmill.pipelines.gate import render_report
    from rollmill.storage.versions.publish import publish as publish_snapshot

    started = time.monotonic()
    compared = result.facts["evaluation"]
    # The gate plants copies only where the recipe requires recall; otherwise no recall was measured.
    measured = {"contamination": compared} if "certificate" in compared else {}
    measured |= {"gate_checks": result.measures(), "drift": result.facts["drift"]}
    manifest = {**decided.snapshot.manifest, "gate_attempts": attempts(decided), **measured, **_forecast(decided)}
    html = render_report(result, {**manifest, "gate": result.json})
    snapshot = replace(decided.snapshot, manifest=manifest)
    session = decided.run.session
    published = publish_snapshot(
        session.workspace,
        snapshot,
        report_html=html,
        report_json=result.json,
        again=session.job.publish_again,
        # A version that holds the key of a model server is refused.
        keys=server_keys(session.workspace.root, session.profile.servers),
        more=result.texts(),
    )
    write_reports(decided, published.version)
    _report(decided.run, Stage("publish", 1, 1, seconds=time.monotonic() - started))
    return {**outcome_of(decided, published), **_forecast(decided)}


def _report(run: OpenRun, stage: Stage) -> None:
    run.session.progress.report(stage, run.workspace.runs, run.id)


def _forecast(decided: DecidedRun) -> Outcome:
    """The forecast that was made before the run began, with its score; nothing if there was none."""
    from rollmill.flows.forecasting.forecasts import score_run

    forecast = score_run(decided.run, decided.report.decisions)
    return {} if forecast is None else {"forecast": forecast}
