"""The Prefect flows: a recipe curated and an evaluation measured, by a command in its own session or as a firing.

Each stage is a task, and of drawing and judging each round, so that a retry is a resume. Prefect records what they do and
decides nothing: a run ends as the ledger says. Import this module only after the managed server has set its environment.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run

from flows.curation import stages
from flows.curation.stages import Stages, drive
from flows.evaluation.evaluate import evaluate_job
from flows.job import Job
from flows.prefect.attempts import attempts
from flows.prefect.firing import end_with_supervisor, fire, fire_evaluation
from flows.prefect.managed import ManagedServer
from flows.session import RecipeRun, Session, open_session
from storage.errors import RollmillError

RETRIES = 2

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
    result: T = task(
        name=name,
        task_run_name=run_name,
        retries=RETRIES,
        retry_delay_seconds=[1, 5],
        retry_condition_fn=_is_ours_to_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(work)()
    return result


def _of_cell(run: RecipeRun, name: str) -> str:
    """A task's name, with the cell that it works on in an evaluation."""
    cell = run.loaded.cell
    return name if cell is None else f"{cell.benchmark}-{cell.model}-{name}"


TASKS = stages.Stages(
    synthesize=lambda session: _as_task("synthesize", "synthesize", lambda: stages.synthesize(session)),
    draw_and_grade=lambda run, number: _as_task(
        "round", _of_cell(run, f"round-{number}"), lambda: stages.draw_and_grade(run, number)
    ),
    score=lambda run: _as_task("score", _of_cell(run, "score"), lambda: stages.score(run)) if run.spec.scorers else None,
    decide=lambda run: _as_task("select", "select", lambda: stages.decide(run)),
    gate=lambda decided: _as_task("gate", "gate", lambda: stages.gate(decided)),
    publish=lambda decided, result: _as_task("publish", "publish", lambda: stages.publish(decided, result)),
)


RECONNECTIONS = 2  # of a command's own stream of events: more of them sleep a second each, event by event
LOST = "The Prefect server was lost; its pages do not show all of this run. The ledger does: rollmill runs show"

Outcome = dict[str, Any]


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
        end_with_supervisor()
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


def _run_recipe(job: Job, schedule: str | None, fresh: str | None) -> Outcome:
    """A recipe curated in a session of its own."""
    if schedule is not None:
        once = partial(fire, schedule, fresh, job, lambda session: drive(session, TASKS))
        return attempts(schedule, job, flow_run.scheduled_start_time, once)
    with open_session(job) as session:
        return drive(session, TASKS)


def _run_evaluation(job: Job, schedule: str | None, fresh: str | None) -> Outcome:
    """An evaluation measured and reported in a session of its own."""
    if schedule is not None:
        once = partial(fire_evaluation, schedule, fresh, job, lambda fired_job: evaluate_job(fired_job, TASKS))
        return attempts(schedule, job, flow_run.scheduled_start_time, once)
    return evaluate_job(job, TASKS)


curate = _flow("curate", _run_recipe)
evaluate = _flow("evaluate", _run_evaluation)
FLOWS = {"curate": curate, "evaluate": evaluate}


def run(session: Session, server: ManagedServer, work: Callable[[Stages], Outcome]) -> Outcome:
    """The flow of an open session in this process; it ends as its work did, whatever becomes of Prefect's server.

    Where Prefect fails before the work begins, it is done without it.
    """
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=RECONNECTIONS)
    try:
        server.wait()
        outcome: Outcome = _flow(session.job.verb, lambda *_: work(TASKS))(**parameters_of(session.job))
    except BaseException as error:
        if isinstance(session.ended, BaseException):  # Prefect has an interrupt of its own
            raise (session.ended if isinstance(session.ended, Exception) else KeyboardInterrupt) from None
        if not isinstance(error, Exception):
            raise
        outcome = work(Stages()) if session.ended is None else session.ended
        lost = f"Without Prefect, because {error}" if isinstance(error, RollmillError) else LOST
        return {**outcome, "messages": [*outcome["messages"], lost]}
    return outcome
