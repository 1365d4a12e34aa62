"""The Prefect flow: the stages as tasks, a round of drawing and judging as one task each; a retry is a resume.

Parameters are data. Prefect records what the stages do and decides nothing: a run ends as the ledger says. Import this
module only after the managed server has set Prefect's environment.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker

from flows.curation import stages
from flows.job import Job
from flows.prefect.firing import fire
from flows.prefect.managed import ManagedServer
from flows.prefect.supervision import end_with_supervisor
from flows.session import Session, hold
from storage.errors import RollmillError

RETRIES = 2
RECONNECTIONS = 2  # of a command's own stream of events: more of them sleep a second each, event by event
LOST = "The Prefect server was lost; its pages do not show all of this run. The ledger does: rollmill runs show"


def _is_ours_to_retry(_task: Any, _run: Any, state: Any) -> bool:
    """What Rollmill says on purpose stays said; anything else may have been the machine's fault."""
    try:
        state.result()
    except RollmillError:
        return False
    except Exception:
        return True
    return False


P = ParamSpec("P")
R = TypeVar("R")


def _stage(name: str, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    return task(
        name=name,
        task_run_name=run_name,
        retries=RETRIES,
        retry_delay_seconds=[1, 5],
        retry_condition_fn=_is_ours_to_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


@_stage("synthesize", "synthesize")
def synthesize(job: dict[str, Any]) -> dict[str, Any]:
    """Make the problems and open the run."""
    return stages.synthesize(Job.of(job))


@_stage("round", "round-{number}")
def draw_and_grade(job: dict[str, Any], number: int) -> bool:
    """Draw and judge one round."""
    return stages.draw_and_grade(Job.of(job), number)


@_stage("select", "select")
def decide(job: dict[str, Any]) -> dict[str, Any]:
    """Select."""
    return stages.decide(Job.of(job))


@_stage("gate", "gate")
def gate(job: dict[str, Any]) -> dict[str, Any]:
    """Check before publishing."""
    return stages.gate(Job.of(job))


@_stage("publish", "publish")
def publish(job: dict[str, Any]) -> dict[str, Any]:
    """Publish a dataset version."""
    return stages.publish(Job.of(job))


TASKS = stages.Stages(
    synthesize=lambda job: synthesize(job.data()),
    draw_and_grade=lambda job, number: draw_and_grade(job.data(), number),
    decide=lambda job: decide(job.data()),
    gate=lambda job: gate(job.data()),
    publish=lambda job: publish(job.data()),
)


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
    return _driven(job) if schedule is None else fire(schedule, fresh, job, _driven)


def _driven(job: Job) -> dict[str, Any]:
    with hold(job):
        return stages.drive(job, TASKS)


def run(opened: Session, server: ManagedServer) -> dict[str, Any]:
    """The flow of a held session in this process; it ends as its stages did, whatever becomes of Prefect's server.

    Where Prefect fails before they begin they are driven without it.
    """
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=RECONNECTIONS)
    try:
        server.wait()
        outcome: dict[str, Any] = curate(**opened.job.data())
    except BaseException as error:
        if isinstance(opened.ended, BaseException):  # Prefect has an interrupt of its own
            raise (opened.ended if isinstance(opened.ended, Exception) else KeyboardInterrupt) from None
        if not isinstance(error, Exception):
            raise
        outcome = stages.drive(opened.job, stages.Stages()) if opened.ended is None else opened.ended
        lost = f"Without Prefect, because {error}" if isinstance(error, RollmillError) else LOST
        return {**outcome, "messages": [*outcome["messages"], lost]}
    return outcome
