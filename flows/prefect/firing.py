"""Firing of a schedule: a job of the recipe or evaluation, as it is or with a fresh number, and its end in the ledger.

A fresh firing sets one key of the recipe to a number that no run of it has had. The run keeps the number among its
overrides, so it is resumed and made again like any other.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.driver import Executor, Outcome, drive
from flows.job import Job
from flows.jobs.kinds import kind_of
from flows.jobs.record import status_of
from flows.limits import LimitReached
from pipelines.processes.child import die_with_parent
from storage.ground.errors import FoundWanting, RollmillError, SetupError, refusal

if TYPE_CHECKING:
    from flows.recipe import LoadedRecipe
    from flows.recipe.evaluations import LoadedEvaluationRecipe
    from storage.workspace import Workspace

KEYS = {  # what may be fresh, and the key of a recipe or an evaluation that gets the number
    "curate": {"redraw": "generate.redraw", "seed": "seed"},
    "evaluate": {"redraw": "redraw", "seed": "seed"},
}
PARENT = "ROLLMILL_PARENT"  # the environment variable with the standing process that starts scheduled runs


def end_with_supervisor() -> None:
    """Let a scheduled run die with the standing process that started it; nothing in a command of a person's own.

    SIGKILL, because a milder end would have Prefect call a server that is gone, for a minute; a killed run is resumed.
    """
    parent = os.environ.get(PARENT)
    # 1: the standing process has died already, and init has adopted this one.
    if parent is not None and parent.isdigit() and os.getppid() in (int(parent), 1):
        die_with_parent(int(parent))


@dataclass(slots=True)
class OpenFiring:
    """Firing under way: its job, with the number of a fresh one; its run and the message on its end, once known."""

    job: Job
    run: str | None = None
    message: str = ""

    def note_run(self, run: str | None) -> None:
        """Keep the id of the job's run."""
        self.run = run


@contextmanager
def fired(schedule: str, fresh: str | None, job: Job) -> Iterator[OpenFiring]:
    """The work of one firing; how it begins and ends is in the ledger, with the recipe as it stood then."""
    from storage.workspace import Workspace

    with Workspace.open(Path(job.workspace)) as workspace, workspace.firings.under_way(schedule):
        firings = workspace.firings
        highest = _highest(workspace, job, fresh)  # the firing gets a higher one, or goes on with its last
        begun = firings.begin(schedule, job.recipe, None if highest is None else fresh, highest or 0)
        firing = OpenFiring(job)
        if begun.number is not None:
            firing.job = replace(job, sets=(*job.sets, f"{KEYS[job.verb][str(fresh)]}={begun.number}"))
        try:
            # Inside the try: a recipe that cannot be read must end the firing too.
            firings.keep_recipe(begun.id, _loaded(firing.job).canonical())
            yield firing
        except BaseException as error:
            known = error if isinstance(error, RollmillError) else refusal(error)
            message = f"{type(error).__name__}: {error}" if known is None else str(known)
            firings.end(begun.id, _status(error), message.partition("\n")[0], firing.run)
            raise
        firings.end(begun.id, "done", firing.message, firing.run)


def fire(schedule: str, fresh: str | None, job: Job, executor: Executor) -> Outcome:
    """Run a job as a firing of a schedule. An evaluation has a run for each cell; their recipes are in the firing's."""
    with fired(schedule, fresh, job) as firing:
        kind = kind_of(firing.job)
        outcome = drive(kind, executor, at_end=firing.note_run)
        kind.check(outcome)
        firing.message = kind.line(outcome)
        return outcome


def check_fresh(fresh: str, loaded: "LoadedRecipe | LoadedEvaluationRecipe") -> None:
    """SetupError where a fresh firing could do nothing."""
    if fresh not in KEYS["curate"]:
        raise SetupError(f"--fresh {fresh!r} is not known.", choices=KEYS["curate"])
    if not loaded.engines():
        raise SetupError(
            "--fresh draws new completions, and this recipe draws none: its rollouts are imported.",
            next_command="the same command without --fresh takes what was imported by then",
        )


def meaning(verb: str, fresh: str | None) -> str:
    """Explanation of what every firing does, shown when a schedule is added."""
    makes = "each is a run and a version of its own" if verb == "curate" else "each is measured by itself"
    problems = "the recipe makes them" if verb == "curate" else "a benchmark makes them"
    if fresh == "redraw":
        return (
            "Fresh: every firing draws new completions of the same problems, under the next number "
            f"({KEYS[verb]['redraw']}=1, 2, ...), and costs a whole run; {makes}."
        )
    if fresh == "seed":
        return (
            f"Fresh: every firing takes the next seed (seed=N, N+1, ...): new problems where {problems}, new "
            f"completions, the cost of a whole run; {makes}."
        )
    if verb == "evaluate":
        return (
            "Not fresh: every firing goes on with the same evaluation. It draws what is missing (an edited file, new "
            "imports, another model); where nothing is, it draws nothing and measures the same. --fresh redraw asks anew "
            "each time."
        )
    return (
        "Not fresh: every firing goes on with the same recipe. It makes what is missing (an edited recipe, new imports, an "
        "interrupted run); where nothing is, it draws and publishes nothing. --fresh redraw or --fresh seed makes "
        "something new each time."
    )


def _loaded(job: Job) -> "LoadedRecipe | LoadedEvaluationRecipe":
    """Recipe or evaluation of a job, loaded from its file as it is now."""
    from flows.recipe import load_recipe
    from flows.recipe.evaluations import load_evaluation

    return (load_evaluation if job.verb == "evaluate" else load_recipe)(Path(job.recipe), sets=job.sets)


def _highest(workspace: "Workspace", job: Job, fresh: str | None) -> int | None:
    """The highest number that the recipe, or a run of its name, already has; None where it needs none or cannot be read,
    which the firing itself will say.
    """
    if fresh is None:
        return None
    try:
        loaded = _loaded(job)
    except RollmillError:
        return None
    numbers = [loaded.recipe.seed if fresh == "seed" else loaded.redraw]
    for run in workspace.runs.list():
        if loaded.recipe.name in (run.name, run.recipe.get("cell", {}).get("evaluation")):
            given = run.recipe if fresh == "seed" else run.recipe.get("generate", {})
            numbers.append(int(given.get(fresh, 0)))
    return max(numbers)


def _status(error: BaseException) -> str:
    refused = isinstance(error, FoundWanting) and not isinstance(error, LimitReached)
    return "refused" if refused else status_of(error)
