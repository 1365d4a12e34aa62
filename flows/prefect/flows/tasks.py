"""The tasks of Prefect, one for each stage of a job, and the executor that calls them.

The parameters of a task say what it works on: the run, and the round of a run. The open run itself is no plain data, so
the job that is under way leaves the stage's work in a context variable. A retry of a task resumes its stage. A task is a
stage of tens of seconds; the rows of a round stream inside it.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE

from rollmill.flows.driver import Direct, JobKind, Outcome, RecipeKind
from rollmill.flows.prefect.flows.run_page import RunPage
from rollmill.flows.progress import Progress
from rollmill.flows.telemetry import span
from rollmill.ground.errors import RollmillError, SetupError

T = TypeVar("T")
_NONE: tuple[Mapping[str, str | int], Callable[[], Any] | None] = {}, None
_work = ContextVar("work", default=_NONE)  # inputs and work of the stage that is under way


def _is_ours_to_retry(_task: Any, _run: Any, state: Any) -> bool:
    """True if a failed task is tried again: a RollmillError is final, any other failure may be the machine's."""
    try:
        state.result()
    except RollmillError:
        return False
    except Exception:
        return True
    return False


RESUMED: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [1, 5],
    "retry_condition_fn": _is_ours_to_retry,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Options of a task that is tried again where a stage of it can resume."""


def _result(**inputs: str | int) -> Any:
    """Result of the stage that is under way with these inputs; SetupError for a task that is called outside of a flow."""
    known, work = _work.get()
    if known != inputs or work is None:
        raise SetupError(f"no job has {inputs} open in this process.", next_command="call the flow, which opens its run")
    return work()


@task(task_run_name="synthesize {run}", **RESUMED)
def synthesize(run: str) -> None:
    """Make or read the problems of a run."""
    _result(run=run)


@task(task_run_name="draw {run} round {round}", **RESUMED)
def draw(run: str, round: int) -> bool:  # noqa: A002 - the word of the field
    """Plan a round and draw its missing completions, which are judged meanwhile; False when drawing is over."""
    return bool(_result(run=run, round=round))


@task(task_run_name="verify {run} round {round}", **RESUMED)
def verify(run: str, round: int) -> None:  # noqa: A002 - the word of the field
    """Judge the rest of a round's completions."""
    _result(run=run, round=round)


@task(task_run_name="score {run}", **RESUMED)
def score(run: str) -> None:
    """Give every rollout the numbers of the recipe's scorers."""
    _result(run=run)


@task(task_run_name="select {run}", **RESUMED)
def select(run: str) -> Any:
    """Decide which rollouts are kept, each with a reason."""
    return _result(run=run)


@task(task_run_name="gate {run}", **RESUMED)
def gate(run: str) -> Any:
    """Check what would be published."""
    return _result(run=run)


@task(task_run_name="publish {run}", **RESUMED)
def publish(run: str) -> Outcome:
    """Publish what passed the gate as a dataset version."""
    outcome: Outcome = _result(run=run)
    return outcome


TASKS = {each.name: each for each in (synthesize, draw, verify, score, select, gate, publish)}


class Tasks(Direct):
    """Executor of stages as tasks of the flow that is under way, which shows the job in the flow run's page."""

    def __init__(self) -> None:
        self._page = RunPage()

    def watching(self, progress: Progress) -> Progress:
        """Progress that the page shows as well."""
        return progress.also(self._page.tell)

    def all_stages(self, kind: JobKind[Any], target: Any) -> Outcome:
        """The outcome of the job's stages, each of them a task."""
        with self._page.showing(cast(RecipeKind[Any], kind), target):  # only these have flows
            outcome = kind.stages(target, self)
            self._page.end(kind.line(outcome), outcome)
        return outcome

    def stage(self, name: str, work: Callable[[], T], **inputs: str | int) -> T:
        """The result of the work, done in the task of this name."""
        token = _work.set((inputs, work))
        try:
            called: Any = TASKS[name]
            with span(name, **inputs):
                result: T = called(**inputs)
            return result
        finally:
            _work.reset(token)
