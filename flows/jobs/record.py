"""Ledger records of a run under way: the process that works on it, its ending, its spending."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from flows.curation.gating import GateFailed
from flows.identity import open_run
from flows.limits import LimitReached
from flows.session import RecipeRun, Session
from storage.commands import working_on
from storage.ground.errors import CorruptSegment, FoundWanting, RollmillError, interrupted

Result = dict[str, Any]
MOST_CORRUPT = 20  # corrupt segments that one command mends before it gives up


@contextmanager
def worked_on(session: Session) -> Iterator[RecipeRun]:
    """The session's run, opened or resumed. Until the ledger says how it ended, others see that a process works on it."""
    with ExitStack() as working, failure_recorded(session):
        for attempt in repair_attempts(session):
            with attempt:
                run = open_run(session)
        working.enter_context(working_on(session.workspace.ledger.leases, run.id))
        yield run


def repair_attempts(session: Session) -> Iterator[AbstractContextManager[None]]:
    """Attempts at a block, to be entered one after another: another if a segment turned out corrupt, until one ends.

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
                session.run.memory.forget_scores()

    tried = 0
    while len(met) == tried:
        yield attempt()
        tried += 1


@contextmanager
def failure_recorded(session: Session) -> Iterator[None]:
    """Write the exception that ends the block to the ledger as the end of the run."""
    try:
        yield
    except BaseException as error:
        end_run(session, status_of(error), _failure_row(error))
        raise


def end_run(session: Session, status: str, summary: Mapping[str, Any]) -> None:
    """Write the status, summary and spend of the session's run to the ledger."""
    if session.run is not None:
        prices = session.profile.prices
        currency = {} if prices is None else {"currency": prices.currency}
        row = {**summary, **currency, "spent": session.spent.row()}
        session.workspace.runs.finish(session.run.id, status, row)


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
    return {"error": str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"}
