"""The stages of a curation as plain functions: the same ones run directly, as Prefect tasks, and in tests.

Each stage is idempotent and reads what earlier stages committed, so doing one again is resuming it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from flows.curation.gating import GateFailed, attempts, check_gate, gate_failed, load_library, with_attempt
from flows.curation.outcome import outcome_of, write_reports
from flows.curation.snapshot import DecidedRun, decided_run
from flows.identity import open_run
from flows.limits import LimitReached, limit_reached
from flows.progress import Stage
from flows.session import RecipeRun, Session
from storage.commands import working_on
from storage.errors import CorruptSegment, FoundWanting, RollmillError, interrupted

if TYPE_CHECKING:
    from pipelines.gate import GateResult

Result = dict[str, Any]
MOST_CORRUPT = 20  # corrupt segments that one command mends before it gives up


def prepare(session: Session) -> None:
    """Do what takes long and needs no server, while one boots: problems, run, engines, the gate's library."""
    run = open_run(session)
    for step in run.spec.drawing:
        run.open.engine(step.name)
    load_library()


def synthesize(session: Session) -> RecipeRun:
    """Make or read the problems and open the run."""
    started = time.monotonic()
    run = open_run(session)
    size = len(run.problems.problems)
    detail = {} if run.imported is None else {"lines": run.imported.lines()}
    _report(run, Stage("synthesize", size, size, seconds=time.monotonic() - started, detail=detail))
    return run


def draw_and_grade(run: RecipeRun, number: int) -> bool:
    """Plan round `number` unless it is planned, draw and judge what it misses; False when drawing is over."""
    from flows.rounds import plan_round, run_round
    from flows.sampling.sample import SpendLimitReached

    try:
        rows = plan_round(run.workspace, run.open, number)
    except SpendLimitReached as reached:  # of a search whose process asks a model
        raise limit_reached(run, reached.reason, f"Round {number} is not planned.") from None
    if rows is None:
        return False
    result = run_round(run.workspace, run.open, rows)
    run.session.spent.add(result)
    if result.stopped is not None:
        raise limit_reached(run, result.stopped, f"Round {result.round} drew {result.drawn:,} here.")
    return True


def score(run: RecipeRun) -> None:
    """Give every rollout the numbers of the recipe's scorers, where they are not stored."""
    from flows.rounds import score_run
    from flows.sampling.sample import SpendLimitReached

    if not run.spec.scorers:
        return
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        run.session.progress.tell(Stage("score", done, total, seconds=time.monotonic() - started))

    try:
        counts = score_run(run.workspace, run.open, tell)
    except SpendLimitReached as reached:
        raise limit_reached(run, reached.reason, "Not every rollout is scored.") from None
    rows = max((scored.stored + scored.made + scored.unscored for scored in counts), default=0)
    _report(run, Stage("score", rows, rows, seconds=time.monotonic() - started))


def decide(run: RecipeRun) -> DecidedRun:
    """Select: one decision with a reason per rollout, and what would be published of them."""
    started = time.monotonic()
    decided = decided_run(run)
    rows = len(decided.report.decisions)
    _report(run, Stage("select", rows, rows, seconds=time.monotonic() - started))
    return decided


def gate(decided: DecidedRun) -> "GateResult":
    """Check what would be published; FoundWanting names the rows that stand in the way."""
    started = time.monotonic()
    result = check_gate(decided)
    passed = sum(bool(check.passed) for check in result.checks)
    detail = {**with_attempt(decided, passed=result.passed), "checks": [check.brief() for check in result.checks]}
    seconds = time.monotonic() - started
    _report(decided.run, Stage("gate", passed, len(result.checks), seconds=seconds, detail=detail))
    if not result.passed:
        raise gate_failed(decided, result)
    return result


def publish(decided: DecidedRun, result: "GateResult") -> Result:
    """Publish what passed the gate as a dataset version, or say that this content is one already."""
    from flows.recipe.servers import server_keys
    from pipelines.gate import render_report
    from storage.versions.publish import publish as publish_snapshot

    started = time.monotonic()
    compared = result.facts["evaluation"]
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
        keys=server_keys(session.workspace.root, session.profile.servers),
    )
    write_reports(decided, published.version)
    _report(decided.run, Stage("publish", 1, 1, seconds=time.monotonic() - started))
    return {**outcome_of(decided, published), **_forecast(decided)}


def _report(run: RecipeRun, stage: Stage) -> None:
    run.session.progress.report(stage, run.workspace.runs, run.id)


def _forecast(decided: DecidedRun) -> Result:
    """The forecast that was made before the run began, with its score; nothing where there was none."""
    from flows.forecasting.forecasts import score_run

    forecast = score_run(decided.run, decided.report.decisions)
    return {} if forecast is None else {"forecast": forecast}


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages to call: the plain functions above, or Prefect tasks around them."""

    synthesize: Callable[[Session], RecipeRun] = synthesize
    draw_and_grade: Callable[[RecipeRun, int], bool] = draw_and_grade
    score: Callable[[RecipeRun], None] = score
    decide: Callable[[RecipeRun], DecidedRun] = decide
    gate: Callable[[DecidedRun], "GateResult"] = gate
    publish: Callable[[DecidedRun, "GateResult"], Result] = publish


def drive(session: Session, stages: Stages) -> Result:
    """Every stage in order; the run in the ledger ends as done, stopped, failed or interrupted. Gives the outcome.

    A segment that turns out corrupt is unregistered by then: the stages, done again, make its rows again.
    """
    began = time.monotonic()
    with worked_on(session) as run:
        for attempt in mending_attempts(session):
            with attempt:
                numbers = count()
                stages.synthesize(session)
                while stages.draw_and_grade(run, next(numbers)):
                    pass
                stages.score(run)
                decided = stages.decide(run)
                outcome = stages.publish(decided, stages.gate(decided))
        session.ended = outcome = {**outcome, "seconds": round(time.monotonic() - began, 1)}
        end_run(session, "done", outcome)
        return outcome


@contextmanager
def worked_on(session: Session) -> Iterator[RecipeRun]:
    """The session's run, and that this process works on it until the ledger says how it ended: who looks in between must
    not take it for killed.
    """
    with ExitStack() as working, failure_recorded(session):
        for attempt in mending_attempts(session):
            with attempt:
                run = open_run(session)
        working.enter_context(working_on(session.workspace.ledger.leases, run.id))
        yield run


def mending_attempts(session: Session) -> Iterator[AbstractContextManager[None]]:
    """Attempts at a block, to be entered one after another: another where a segment turned out corrupt, until one ends.

    The corrupt segment is unregistered by then, and the next attempt makes its rows again.
    """
    met: list[CorruptSegment] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except CorruptSegment as error:
            met.append(error)
            if len(met) == MOST_CORRUPT:
                raise
            session.messages.append(str(error))
            if session.run is not None:
                session.run.open.memory.scored = False  # a lost score is missing again

    tried = 0
    while len(met) == tried:
        yield attempt()
        tried += 1


@contextmanager
def failure_recorded(session: Session) -> Iterator[None]:
    """Whatever ends the block early is how the run ended."""
    try:
        yield
    except BaseException as error:
        end_run(session, status_of(error), _failure_row(error))
        session.ended = error
        raise


def end_run(session: Session, status: str, summary: Mapping[str, Any]) -> None:
    """Say in the ledger how the session's run ended, with what it spent."""
    if session.run is not None:
        prices = session.profile.prices
        currency = {} if prices is None else {"currency": prices.currency}
        row = {**summary, **currency, "spent": session.spent.row()}
        session.workspace.runs.finish(session.run.id, status, row)


def status_of(error: BaseException) -> str:
    """How what ended in this way is called in the ledger."""
    if isinstance(error, LimitReached):
        return "stopped"
    return "failed" if isinstance(error, Exception) and not interrupted(error) else "interrupted"


def _failure_row(error: BaseException) -> Result:
    if isinstance(error, LimitReached):
        return {"stopped": error.reason, "said": error.message, "next": error.next_command}
    if isinstance(error, GateFailed):
        return {**error.counts, "error": error.message, "next": error.next_command}
    if isinstance(error, FoundWanting) and error.next_command is not None:
        return {"error": error.message, "next": error.next_command}
    return {"error": str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"}
