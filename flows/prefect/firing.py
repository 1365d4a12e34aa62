"""One firing of a schedule: the recipe as it is, or with a number of its own, and its end in the ledger.

A fresh firing sets one key of the recipe to a number that no run of it had: the run keeps it among its overrides, so it is
resumed and made again like any other.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.curation.stages import status_of
from flows.job import Job
from flows.limits import LimitReached
from flows.session import Session, open_session
from pipelines.processes.child import die_with_parent
from storage.errors import FoundWanting, RollmillError, SetupError

if TYPE_CHECKING:
    from flows.recipe import LoadedRecipe
    from storage.workspace import Workspace

KEYS = {"redraw": "generate.redraw", "seed": "seed"}  # what may be fresh, and the recipe's key that gets the number
PARENT = "ROLLMILL_PARENT"  # the environment variable with the standing process that starts scheduled runs


def end_with_supervisor() -> None:
    """Let a scheduled run die with the standing process that started it; nothing in a command of a person's own.

    SIGKILL, because a milder end would have Prefect call a server that is gone, for a minute; a killed run is resumed.
    """
    parent = os.environ.get(PARENT)
    if parent is not None and parent.isdigit() and os.getppid() in (int(parent), 1):
        die_with_parent(int(parent))


def fire(schedule: str, fresh: str | None, job: Job, work: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
    """Do the work of one firing; how it begins and ends is in the ledger, whatever comes of it."""
    from storage.workspace import Workspace

    with Workspace.open(Path(job.workspace)) as workspace:
        firings, run = workspace.firings, None
        highest = _highest(workspace, job, fresh)  # the firing gets a higher one, or goes on with its last
        firing = firings.begin(schedule, job.recipe, None if highest is None else fresh, highest or 0)
        if firing.number is not None:
            job = replace(job, sets=(*job.sets, f"{KEYS[str(fresh)]}={firing.number}"))
        try:
            with open_session(job) as session:
                try:
                    outcome = work(session)
                finally:
                    run = None if session.run is None else session.run.id
        except BaseException as error:
            message = str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"
            firings.end(firing.id, _status(error), message.partition("\n")[0], run)
            raise
        created = "published" if outcome["created"] else "nothing new"
        message = f"{outcome['dataset']}@v{outcome['version']} {created}, {outcome['spent']['drawn']:,} drawn"
        firings.end(firing.id, "done", message, run)
        return outcome


def check_fresh(fresh: str, loaded: "LoadedRecipe") -> None:
    """SetupError where a fresh firing could do nothing."""
    if fresh not in KEYS:
        raise SetupError(f"--fresh {fresh!r} is not known.", choices=KEYS)
    if loaded.engine is None and not loaded.arms:
        raise SetupError(
            "--fresh draws new completions, and this recipe draws none: its rollouts are imported.",
            next_command="the same command without --fresh takes what was imported by then",
        )


def meaning(fresh: str | None) -> str:
    """What every firing does, for who adds a schedule."""
    if fresh == "redraw":
        return (
            "Fresh: every firing draws new completions of the same problems, under the next number (generate.redraw=1, 2, "
            "...), and costs a whole run; each is a run and a version of its own."
        )
    if fresh == "seed":
        return (
            "Fresh: every firing takes the next seed (seed=N, N+1, ...): new problems where the recipe makes them, new "
            "completions, the cost of a whole run; each is a run and a version of its own."
        )
    return (
        "Not fresh: every firing goes on with the same recipe. It makes what is missing (an edited recipe, new imports, an "
        "interrupted run); where nothing is, it draws and publishes nothing. --fresh redraw or --fresh seed makes "
        "something new each time."
    )


def _highest(workspace: "Workspace", job: Job, fresh: str | None) -> int | None:
    """The highest number that the recipe, or a run of its name, already has; None where it needs none or cannot be read,
    which the firing itself will say.
    """
    from flows.recipe import load_recipe

    if fresh is None:
        return None
    try:
        recipe = load_recipe(Path(job.recipe), sets=job.sets).recipe
    except RollmillError:
        return None
    taken = [recipe.seed if fresh == "seed" else recipe.generate.redraw]
    for run in workspace.runs.list():
        if run.name == recipe.name:
            given = run.recipe if fresh == "seed" else run.recipe.get("generate", {})
            taken.append(int(given.get(fresh, 0)))
    return max(taken)


def _status(error: BaseException) -> str:
    refused = isinstance(error, FoundWanting) and not isinstance(error, LimitReached)
    return "refused" if refused else status_of(error)
