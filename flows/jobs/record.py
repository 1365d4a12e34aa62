"""Ledger records of a run under way: the process that works on it, its ending, its spending."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from rollmill.flows.curation.gating import GateFailed
from rollmill.flows.identity import open_run
from rollmill.flows.limits import LimitReached
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.rounds import OpenRun
from rollmill.flows.session import Session
from rollmill.ground.errors import CorruptSegment, FoundWanting, RollmillError, interrupted
from rollmill.storage.commands import working_on
from rollmill.storage.ledger.run_state import run_state

Result = dict[str, Any]
MOST_CORRUPT = 20  # corrupt segments that one command mends before it gives up


@contextmanager
def worked_on(session: Session, loaded: LoadedRecipe) -> Iterator[OpenRun]:
    """The run of a recipe, opened or resumed. Until the ledger says how it ended, others see that a process works on it."""
    finished = {run.id: run.summary for run in session.workspace.runs.list() if run.status == "done"}
    with ExitStack() as stack:
        for attempt in repair_attempts(session):
            with attempt:
                run = stack.enter_context(open_run(session, loaded))
        # Left last to first: the end is recorded while the ledger still shows this process at work.
        stack.enter_context(working_on(session.workspace.ledger.leases, run.id))
        stack.enter_context(failure_recorded(run, finished.get(run.id)))
        yield run


def repair_attempts(session: Session, run: OpenRun | None = None) -> Iterator[AbstractContextManager[None]]:
    """Attempts at a block, to be entered one after another: another if a segment turned out corrupt, until one ends.

    The corrupt segment is unregistered by then, and the next attempt makes its rows again. `run`: the run that is open.
    """
    met: list[CorruptSegment] = []

    @contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
        except CorruptSegment as error:
            met.append(error)
            # A disk that loses segment after segment is not to be mended by making them again.
            if len(met) == MOST_CORRUPT:
                raise
            session.messages.append(str(error))
            if run is not None:
                # The lost segment may be one of scores, which the run takes for made.
                run.forget()

    tried = 0
    # One more attempt as long as each of them met a corrupt segment.
    while len(met) == tried:
        yield attempt()
        tried += 1


@contextmanager
def failure_recorded(run: OpenRun, finished: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Write the exception that ends the block to the ledger as the end of the run.

    `finished`: the summary of a run that was done; it is done still if an interrupted command added nothing to it.
    """
    ledger, runs = run.workspace.ledger, run.workspace.runs
    before = None if finished is None else run_state(ledger, run.id)
    try:
        yield
    # Ctrl-C and SIGTERM too: a run must not stay `running`.
    except BaseException as error:
        status = status_of(error)
        if finished is not None and status == "interrupted" and run_state(ledger, run.id) == before:
            runs.finish(run.id, "done", dict(finished))
        else:
            end_run(run, status, _failure_row(error))
        raise


def end_run(run: OpenRun, status: str, summary: Mapping[str, Any]) -> None:
    """Write the status, summary and spend of a run to the ledger."""
    prices = run.session.profile.prices
    currency = {} if prices is None else {"currency": prices.currency}
    run.workspace.runs.finish(run.id, status, {**summary, **currency, "spent": run.spent.row()})


def status_of(error: BaseException) -> str:
    """Ledger status of a run that ended with this exception."""
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
    # A message of Rollmill stands alone; any other is of use only with its type.
    return {"error": str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"}
