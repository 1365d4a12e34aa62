"""The stages as Prefect tasks, a round of drawing and judging as one task each; a retry is a resume."""

from collections.abc import Callable
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.curation import stages
from flows.session import RecipeRun
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


def _of_cell(run: RecipeRun, name: str) -> str:
    """A task's name, with the cell that it works on in an evaluation."""
    cell = run.loaded.cell
    return name if cell is None else f"{cell.benchmark}-{cell.model}-{name}"


TASKS = stages.Stages(
    synthesize=lambda session: _as_task("synthesize", "synthesize", lambda: stages.synthesize(session)),
    draw_and_grade=lambda run, number: _as_task(
        "round", _of_cell(run, f"round-{number}"), lambda: stages.draw_and_grade(run, number)
    ),
    score=lambda run: _as_task("score", _of_cell(run, "score"), lambda: stages.score(run)),
    decide=lambda run: _as_task("select", "select", lambda: stages.decide(run)),
    gate=lambda decided: _as_task("gate", "gate", lambda: stages.gate(decided)),
    publish=lambda decided, result: _as_task("publish", "publish", lambda: stages.publish(decided, result)),
)
