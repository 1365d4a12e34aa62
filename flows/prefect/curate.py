"""The Prefect flow: the stages as tasks, a round of drawing and judging as one task each; a retry is a resume.

Prefect records what the stages do and decides nothing: a run ends as the ledger says. Import this module only after the
managed server has set Prefect's environment.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker

from flows.curation import stages
from flows.job import Job
from flows.prefect.firing import end_with_supervisor, fire
from flows.prefect.managed import ManagedServer
from flows.session import Session, open_session
from storage.errors import RollmillError

RETRIES = 2
RECONNECTIONS = 2  # of a command's own stream of events: more of them sleep a second each, event by event
LOST = "The Prefect server was lost; its pages do not show all of this run. The ledger does: rollmill runs show"

Outcome = dict[str, Any]
T = TypeVar("T")


def _is_ours_to_retry(_task: Any, _run: Any, state: Any) -> bool:
    """What Rollmill says on purpose stays said; anything else may have been the machine's fault."""
    try:
        state.result()
    except RollmillError:
        return False
    except Exception:
        return True
    return False


def _as_task(name: str, run_name: str, work: Callable[[], T]) -> T:
    """Do some work as a task. It has no parameters: an open session is nothing that Prefect could record."""
    found: T = task(
        name=name,
        task_run_name=run_name,
        retries=RETRIES,
        retry_delay_seconds=[1, 5],
        retry_condition_fn=_is_ours_to_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(work)()
    return found


TASKS = stages.Stages(
    synthesize=lambda session: _as_task("synthesize", "synthesize", lambda: stages.synthesize(session)),
    draw_and_grade=lambda run, number: _as_task("round", f"round-{number}", lambda: stages.draw_and_grade(run, number)),
    score=lambda run: _as_task("score", "score", lambda: stages.score(run)),
    decide=lambda run: _as_task("select", "select", lambda: stages.decide(run)),
    gate=lambda decided: _as_task("gate", "gate", lambda: stages.gate(decided)),
    publish=lambda decided, result: _as_task("publish", "publish", lambda: stages.publish(decided, result)),
)


def _flow(work: Callable[[Job, str | None, str | None], Outcome]) -> Flow[..., Outcome]:
    """The flow around some work on a job, with the name of a schedule and how it is fresh."""

    @flow(name="curate", flow_run_name="{recipe}", persist_result=False, validate_parameters=True)
    def curate(  # noqa: PLR0913 (a job's fields, all plain data)
        workspace: str,
        recipe: str,
        sets: list[str] | None = None,
        profile: str | None = None,
        keep_going: bool = False,
        max_tokens: int | None = None,
        max_cost: str | None = None,
        schedule: str | None = None,
        fresh: str | None = None,
    ) -> dict[str, Any]:
        """Curate a recipe into a dataset version; as the firing of a schedule where one is named."""
        end_with_supervisor()
        job = Job(workspace, recipe, tuple(sets or ()), profile, keep_going, max_tokens, max_cost)
        return work(job, schedule, fresh)

    return curate


def _alone(job: Job, schedule: str | None, fresh: str | None) -> Outcome:
    """The work in a session of its own."""
    if schedule is not None:
        return fire(schedule, fresh, job, lambda session: stages.drive(session, TASKS))
    with open_session(job) as session:
        return stages.drive(session, TASKS)


curate = _flow(_alone)


def run(session: Session, server: ManagedServer) -> Outcome:
    """The flow of an open session in this process; it ends as its stages did, whatever becomes of Prefect's server.

    Where Prefect fails before they begin they are driven without it.
    """
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=RECONNECTIONS)
    try:
        server.wait()
        outcome: Outcome = _flow(lambda *_: stages.drive(session, TASKS))(**session.job.data())
    except BaseException as error:
        if isinstance(session.ended, BaseException):  # Prefect has an interrupt of its own
            raise (session.ended if isinstance(session.ended, Exception) else KeyboardInterrupt) from None
        if not isinstance(error, Exception):
            raise
        outcome = stages.drive(session, stages.Stages()) if session.ended is None else session.ended
        lost = f"Without Prefect, because {error}" if isinstance(error, RollmillError) else LOST
        return {**outcome, "messages": [*outcome["messages"], lost]}
    return outcome
