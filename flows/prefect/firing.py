"""Firing of a schedule: a job of the recipe or evaluation, unchanged or with a fresh number, and its end in the ledger.

A fresh firing sets one key of the recipe to a number that no run of it has had. The run keeps the number among its
overrides, so it is resumed and made again like any other.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.flows.driver import Executor, Outcome, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.kinds import kind_of
from rollmill.flows.jobs.record import status_of
from rollmill.flows.limits import LimitReached
from rollmill.flows.mixing.mix_recipe import LoadedMixture
from rollmill.flows.recipe.evaluations import EvaluationRecipe
from rollmill.flows.recipe.parse import parse
from rollmill.flows.recipe.schema import Recipe
from rollmill.flows.sweeps.sweep_recipe import LoadedSweep, load_sweep
from rollmill.ground.errors import FoundWanting, RollmillError, SetupError, refusal
from rollmill.pipelines.processes.child import die_with_parent

if TYPE_CHECKING:
    from rollmill.flows.recipe.evaluations import LoadedEvaluationRecipe
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.storage.workspace import Workspace

KEYS = {  # what may be fresh, and the key of a recipe or an evaluation that gets the number
    "curate": {"redraw": "generate.redraw", "seed": "seed"},
    "evaluate": {"redraw": "redraw", "seed": "seed"},
    "sweep": {"seed": "set.seed"},
}
PARENT = "ROLLMILL_PARENT"  # the environment variable with the standing process that starts scheduled runs


def end_with_supervisor() -> None:
    """Let this process of a scheduled run end together with the `rollmill up` process that started it.

    The signal is SIGKILL: after a milder one, Prefect would call a server that is gone, for a minute. A killed run is
    resumed.
    """
    parent = os.environ.get(PARENT)
    if parent is not None and parent.isdigit():
        die_with_parent(int(parent))


def fire(schedule: str, fresh: str | None, job: Job, executor: Executor, flow_run: str | None = None) -> Outcome:
    """Run a job as a firing of a schedule; the ledger has how it began and ended, with the recipe as it stood then.

    An evaluation has a run for each cell; their recipes are in the firing's. `flow_run`: Prefect's id, under which the
    firing was written down as due.
    """
    from rollmill.storage.workspace import Workspace

    with Workspace.open(Path(job.workspace)) as workspace, workspace.firings.under_way(schedule):
        firings = workspace.firings
        highest = _highest(workspace, job, fresh)  # the firing gets a higher one, or goes on with its last
        begun = firings.begin(schedule, job.recipe, None if highest is None else fresh, highest or 0, flow_run)
        if begun.number is not None:
            job = replace(job, sets=(*job.sets, f"{KEYS[job.verb][str(fresh)]}={begun.number}"))
        runs: list[str | None] = [None]
        try:
            # Inside the try: a recipe that cannot be read must end the firing too.
            kind = kind_of(job)
            firings.keep_recipe(begun.id, kind.recipe())
            outcome = drive(kind, executor, at_end=runs.append)
            kind.check(outcome)
        except BaseException as error:
            known = error if isinstance(error, RollmillError) else refusal(error)
            message = f"{type(error).__name__}: {error}" if known is None else str(known)
            firings.end(begun.id, _status(error), message.partition("\n")[0], runs[-1])
            raise
        firings.end(begun.id, "done", kind.line(outcome), runs[-1])
        return outcome


def check_fresh(
    fresh: str, verb: str, loaded: "LoadedRecipe | LoadedEvaluationRecipe | LoadedSweep | LoadedMixture"
) -> None:
    """SetupError if a fresh firing could do nothing."""
    if fresh not in KEYS["curate"]:
        raise SetupError(f"--fresh {fresh!r} is not known.", choices=KEYS["curate"])
    if verb not in KEYS:
        raise SetupError(
            f"--fresh draws new completions, and `rollmill {verb}` draws none.",
            next_command="the same command with --on version:DATASET takes each new version of a source",
        )
    if fresh not in KEYS[verb]:
        raise SetupError(f"--fresh {fresh!r} is not for a {verb}.", choices=KEYS[verb])
    drawn = loaded.loaded if isinstance(loaded, LoadedSweep) else loaded
    if not isinstance(drawn, LoadedMixture) and not drawn.engines():
        raise SetupError(
            "--fresh draws new completions, and this recipe draws none: its rollouts are imported.",
            next_command="the same command without --fresh takes what was imported by then",
        )


def meaning(verb: str, fresh: str | None) -> str:
    """Explanation of what every firing does, shown when a schedule is added."""
    makes = "each is a run and a version of its own" if verb == "curate" else "each is measured by itself"
    problems = "a benchmark makes them" if verb == "evaluate" else "the recipe makes them"
    if fresh == "redraw":
        return (
            "Fresh: every firing draws new completions of the same problems, under the next number "
            f"({KEYS[verb]['redraw']}=1, 2, ...), and costs a whole run; {makes}."
        )
    if fresh == "seed":
        return (
            f"Fresh: every firing takes the next seed ({KEYS[verb]['seed']}=N, N+1, ...): new problems where {problems}, "
            f"new completions, the cost of a whole run; {makes}."
        )
    if verb == "mix":
        return "Every firing mixes what the sources have then; equal content is no new version. It draws nothing."
    if verb == "sweep":
        return (
            "Not fresh: every firing continues the same sweep. It draws missing completions; without any, it chooses the "
            "same again. --fresh seed makes new problems and draws anew each time."
        )
    if verb == "evaluate":
        return (
            "Not fresh: every firing continues the same evaluation. It draws missing completions (after an edit of a file, "
            "new imports, another model); without any, it measures the same again. --fresh redraw draws new ones each time."
        )
    return (
        "Not fresh: every firing continues the same recipe. It makes missing rows (after an edit of a recipe, new imports, "
        "an interruption); without any, it draws and publishes nothing. --fresh redraw or --fresh seed makes something "
        "new each time."
    )


def _highest(workspace: "Workspace", job: Job, fresh: str | None) -> int | None:
    """The highest number that the recipe, or a run of its name, already has; None if it needs none or cannot be read, which
    the firing itself will report.
    """
    if fresh is None:
        return None
    try:
        recipe: EvaluationRecipe | Recipe
        if job.verb == "evaluate":
            recipe = parse(Path(job.recipe), EvaluationRecipe, {}, sets=job.sets)
            redraw = recipe.redraw
        elif job.verb == "sweep":
            recipe = load_sweep(Path(job.recipe), sets=job.sets).loaded.recipe
            redraw = recipe.generate.redraw
        else:
            recipe = parse(Path(job.recipe), Recipe, {}, sets=job.sets)
            redraw = recipe.generate.redraw
    except RollmillError:
        return None
    numbers = [recipe.seed if fresh == "seed" else redraw]
    for run in workspace.runs.list():
        if recipe.name in (run.name, run.recipe.get("cell", {}).get("evaluation")):
            given = run.recipe if fresh == "seed" else run.recipe.get("generate", {})
            numbers.append(int(given.get(fresh, 0)))
    return max(numbers)


def _status(error: BaseException) -> str:
    refused = isinstance(error, FoundWanting) and not isinstance(error, LimitReached)
    return "refused" if refused else status_of(error)
