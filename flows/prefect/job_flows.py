"""The Prefect flows, one for each kind of jobs, and the executors that make a task of each stage.

A retry of a task resumes it. Prefect records what tasks do and decides nothing: a run ends as the ledger says. Import this
module only after the managed server has set its environment.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run

from flows.driver import Direct, Outcome, drive
from flows.job import Job
from flows.jobs.kinds import KINDS, kind_of
from flows.prefect.attempts import attempts
from flows.prefect.firing import end_with_supervisor, fire
from storage.ground.errors import RollmillError
from storage.schedules import Schedule

RETRIES = 2

T = TypeVar("T")


def _is_ours_to_retry(_task: Any, _run: Any, state: Any) -> bool:
    """True if a failed task is tried again: a RollmillError is final, any other failure may be the machine's."""
    try:
        state.result()
    except RollmillError:
        return False
    except Exception:
        return True
    return False


class Tasks(Direct):
    """Stages as tasks of the flow that is under way."""

    def stage(self, name: str, work: Callable[[], T], label: str = "") -> T:
        """The result of the work. Its task has no parameters: Prefect could not record an open session."""
        result: T = task(
            name=name,
            task_run_name=label or name,
            retries=RETRIES,
            retry_delay_seconds=[1, 5],
            retry_condition_fn=_is_ours_to_retry,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(work)()
        return result


RECONNECTIONS = 2  # of a command's own stream of events: more of them sleep a second each, event by event


def _flow(verb: str, work: Callable[[Job, str | None, str | None], Outcome]) -> Flow[..., Outcome]:
    """The flow around some work on a job, with the name of a schedule and how it is fresh."""

    def of_job(  # noqa: PLR0913 (a job's fields, all plain data)
        workspace: str,
        recipe: str,
        sets: list[str] | None = None,
        profile: str | None = None,
        keep_going: bool = False,
        max_tokens: int | None = None,
        max_cost: str | None = None,
        schedule: str | None = None,
        fresh: str | None = None,
        publish_again: bool = True,
    ) -> dict[str, Any]:
        end_with_supervisor(scheduled=schedule is not None)
        job = Job(
            workspace,
            recipe,
            tuple(sets or ()),
            profile,
            keep_going,
            max_tokens,
            max_cost,
            verb,
            publish_again=publish_again,
        )
        return work(job, schedule, fresh)

    of_job.__name__ = of_job.__qualname__ = verb  # by which a scheduled run finds it in this module
    return flow(name=verb, flow_run_name="{recipe}", persist_result=False, validate_parameters=True)(of_job)


def parameters_of(job: Job) -> dict[str, Any]:
    """The parameters of a job's flow; which one it is says the verb."""
    return {key: value for key, value in job.data().items() if key not in ("verb", "cell")}


def parameters_of_schedule(item: Schedule, workspace: Path) -> dict[str, Any]:
    """The parameters of a schedule's flow."""
    job = Job(str(workspace), item.recipe, item.sets, item.profile, verb=item.verb, publish_again=item.publish_again)
    return {**parameters_of(job), "schedule": item.name, "fresh": item.fresh}


def _run(job: Job, schedule: str | None, fresh: str | None) -> Outcome:
    """A job in the flow under way, as a firing if a schedule is named."""
    if schedule is None:
        kind = kind_of(job)
        outcome = drive(kind, Tasks())
        kind.check(outcome)
        return outcome
    key = str(flow_run.id)
    once = partial(fire, schedule, fresh, job, Tasks(), key)
    return attempts(schedule, job, flow_run.scheduled_start_time, once, key)


FLOWS = {verb: _flow(verb, _run) for verb in KINDS}
# Where a scheduled run looks for them by name.
curate, evaluate, mix, sweep = (FLOWS[verb] for verb in ("curate", "evaluate", "mix", "sweep"))


def in_a_flow(job: Job, work: Callable[[], Outcome]) -> None:
    """Do some work in the flow of a job's kind."""
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=RECONNECTIONS)
    _flow(job.verb, lambda *_: work())(**parameters_of(job))
