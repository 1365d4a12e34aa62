"""The stages of a curation as plain functions of a job: the same ones run directly, as Prefect tasks, and in tests.

Each stage is idempotent and reads what earlier stages committed, so doing one again is resuming it. Knows no Prefect.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from flows.curation.gate_attempts import attempts, with_attempt
from flows.curation.gating import GateFailed, check_gate, gate_failed
from flows.curation.outcome import outcome_of, write_reports
from flows.job import Job
from flows.limits import LimitReached, limit_reached
from flows.progress import Stage
from flows.session import Session, session
from flows.workspace.commands import working_on
from storage.errors import CorruptSegment, FoundWanting, RollmillError, interrupted

Result = dict[str, Any]
MOST_CORRUPT = 20  # corrupt segments that one command mends before it gives up


def synthesize(job: Job) -> Result:
    """Make or read the problems and open the run."""
    with session(job) as opened:
        started = time.monotonic()
        problems = opened.problems
        run = opened.run
        size = len(problems.problems)
        taken = {} if opened.taken is None else {"taken": opened.taken.lines()}
        opened.report(Stage("synthesize", size, size, seconds=time.monotonic() - started, detail=taken))
        return {"run": run, "made": problems.made, "problems": size}


def draw_and_grade(job: Job, number: int) -> bool:
    """Plan round `number` unless it is planned, draw and judge what it lacks; False when drawing is over."""
    from flows.rounds import plan_round, run_round

    with session(job) as opened:
        rows = plan_round(opened.workspace, opened.spec, number)
        if rows is None:
            return False
        result = run_round(opened.workspace, opened.spec, rows)
        opened.spent.add(result)
        if result.stopped is not None:
            raise limit_reached(opened, result)
        return True


def decide(job: Job) -> Result:
    """Select: one decision with a reason per rollout."""
    with session(job) as opened:
        started = time.monotonic()
        rows = len(opened.decided.decisions)
        opened.report(Stage("select", rows, rows, seconds=time.monotonic() - started))
        return dict(opened.snapshot.manifest["funnel"])


def gate(job: Job) -> Result:
    """Check what would be published; FoundWanting names the rows that stand in the way."""
    with session(job) as opened:
        started = time.monotonic()
        result = check_gate(opened)
        passed = sum(bool(check.passed) for check in result.checks)
        detail = with_attempt(opened, passed=result.passed)
        opened.report(Stage("gate", passed, len(result.checks), seconds=time.monotonic() - started, detail=detail))
        if not result.passed:
            raise gate_failed(opened, result)
        return {"checks": len(result.checks)}


def publish(job: Job) -> Result:
    """Publish what passed the gate as a dataset version, or say that this content is one already."""
    from pipelines.gate import render_report
    from storage.versions import publish as publish_snapshot

    with session(job) as opened:
        started = time.monotonic()
        result = check_gate(opened)
        manifest = {**opened.snapshot.manifest, "gate_attempts": attempts(opened), **_forecast(opened)}
        html = render_report(result, {**manifest, "gate": result.json})
        snapshot = replace(opened.snapshot, manifest=manifest)
        published = publish_snapshot(opened.workspace, snapshot, report_html=html, report_json=result.json)
        write_reports(opened, published.version)
        opened.report(Stage("publish", 1, 1, seconds=time.monotonic() - started))
        return {**outcome_of(opened, published), **_forecast(opened)}


def _forecast(opened: Session) -> Result:
    """The forecast that was made before the run began, with its score; nothing where there was none."""
    from flows.forecasting.forecasts import score_run

    found = score_run(opened)
    return {} if found is None else {"forecast": found}


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages to call: the plain functions above, or Prefect tasks around them."""

    synthesize: Callable[[Job], Result] = synthesize
    draw_and_grade: Callable[[Job, int], bool] = draw_and_grade
    decide: Callable[[Job], Result] = decide
    gate: Callable[[Job], Result] = gate
    publish: Callable[[Job], Result] = publish


def drive(job: Job, stages: Stages) -> Result:
    """Every stage in order; the run in the ledger ends as done, stopped, failed or interrupted. Gives the outcome.

    This process works on the run until the ledger says how it ended: who looks in between must not take it for killed.
    """
    with session(job) as opened, ExitStack() as working:
        began = time.monotonic()
        try:
            outcome = {**_mended(opened, stages, working), "seconds": round(time.monotonic() - began, 1)}
        except BaseException as error:
            _end(opened, status_of(error), _said(error))
            opened.ended = error
            raise
        _end(opened, "done", outcome)
        opened.ended = outcome
        return outcome


def _mended(opened: Session, stages: Stages, working: ExitStack) -> Result:
    """All stages; where a segment turns out corrupt it is unregistered by then, and the stages make its rows again."""
    for left in reversed(range(MOST_CORRUPT)):
        try:
            working.enter_context(working_on(opened.workspace.state, opened.run))
            return _all(opened.job, stages)
        except CorruptSegment as error:
            if not left:
                raise
            opened.messages.append(str(error))
            opened.forget()
    raise AssertionError("unreachable: the last attempt returns or raises")


def _all(job: Job, stages: Stages) -> Result:
    stages.synthesize(job)
    number = 0
    while stages.draw_and_grade(job, number):
        number += 1
    stages.decide(job)
    stages.gate(job)
    return stages.publish(job)


def _end(opened: Session, status: str, summary: Mapping[str, Any]) -> None:
    if opened.has_run:
        prices = opened.profile.prices
        currency = {} if prices is None else {"currency": prices.currency}
        opened.workspace.runs.finish(opened.run, status, {**summary, **currency, "spent": opened.spent.row()})


def status_of(error: BaseException) -> str:
    """How what ended in this way is called in the ledger."""
    if isinstance(error, LimitReached):
        return "stopped"
    return "failed" if isinstance(error, Exception) and not interrupted(error) else "interrupted"


def _said(error: BaseException) -> Result:
    if isinstance(error, LimitReached):
        return {"stopped": error.reason, "said": error.message, "next": error.next_command}
    if isinstance(error, GateFailed):
        return {**error.counts, "error": error.message, "next": error.next_command}
    if isinstance(error, FoundWanting) and error.next_command is not None:
        return {"error": error.message, "next": error.next_command}
    return {"error": str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"}
