"""Firing of a schedule: a job of the recipe or evaluation, unchanged or with a fresh number, and its end in the ledger.

A fresh firing sets one key of the recipe to a number that no run of it has had. The run keeps the number among its
overrides, so it is resumed and made again like any other.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rollmill.flows.driver import Executor, Outcome, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.kinds import kind_of
from rollmill.flows.jobs.record import status_of
from rollmill.flows.limits import LimitReached
from rollmill.flows.recipe.parse import parse
from rollmill.ground.by_name import object_at
from rollmill.ground.errors import FoundWanting, RollmillError, SetupError, refusal
from rollmill.kinds import firing_of, kind_of_verb, kinds, recipe_files_of
from rollmill.pipelines.processes.child import die_with_parent

if TYPE_CHECKING:
    from pydantic import BaseModel

    from rollmill.storage.runs import Run
    from rollmill.storage.workspace import Workspace

PARENT = "ROLLMILL_PARENT"  # the environment variable with the standing process that starts scheduled runs


class HasEngines(Protocol):
    """A loaded recipe of a kind that draws completions."""

    def engines(self) -> Sequence[Any]:
        """The engines that may draw; none if everything is imported."""


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
            job = replace(job, sets=(*job.sets, f"{firing_of(job.verb).fresh[str(fresh)]}={begun.number}"))
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


def check_fresh(fresh: str, verb: str, loaded: HasEngines) -> None:
    """SetupError if a fresh firing could do nothing."""
    known = {name for kind in kinds() if kind.firing is not None for name in kind.firing.fresh}
    if fresh not in known:
        raise SetupError(f"--fresh {fresh!r} is not known.", choices=sorted(known))
    own = firing_of(verb).fresh
    if not own:
        raise SetupError(
            f"--fresh draws new completions, and `rollmill {verb}` draws none.",
            next_command="the same command with --on version:DATASET takes each new version of a source",
        )
    if fresh not in own:
        raise SetupError(f"--fresh {fresh!r} is not for a {verb}.", choices=own)
    if not loaded.engines():
        raise SetupError(
            "--fresh draws new completions, and this recipe draws none: its rollouts are imported.",
            next_command="the same command without --fresh takes what was imported by then",
        )


def meaning(verb: str, fresh: str | None) -> str:
    """Explanation of what every firing does, shown when a schedule is added."""
    firing = firing_of(verb)
    if fresh == "redraw":
        return (
            "Fresh: every firing draws new completions of the same problems, under the next number "
            f"({firing.fresh[fresh]}=1, 2, ...), and costs a whole run; {firing.makes}."
        )
    if fresh == "seed":
        return (
            f"Fresh: every firing takes the next seed ({firing.fresh[fresh]}=N, N+1, ...): new problems where "
            f"{firing.problems}, new completions, the cost of a whole run; {firing.makes}."
        )
    return firing.unchanged


def _highest(workspace: "Workspace", job: Job, fresh: str | None) -> int | None:
    """The highest number that the recipe, or a run of its name, already has; None if it needs none or cannot be read, which
    the firing itself will report.
    """
    if fresh is None:
        return None
    try:
        recipe = _recipe_of(job)
    except RollmillError:
        return None
    key = firing_of(job.verb).fresh[fresh].removeprefix("set.")  # of the base of a sweep
    runs = (run for run in workspace.runs.list() if recipe["name"] in (run.name, _evaluation_of(run)))
    known = "seed" if fresh == "seed" else "generate.redraw"
    return max([_number(recipe, key), *(_number(run.recipe, known) for run in runs)])


def _recipe_of(job: Job) -> Mapping[str, Any]:
    """The recipe of a job in canonical form; where a file that it names cannot be loaded, its own keys."""
    try:
        return kind_of(job).recipe()
    except RollmillError:
        kind = kind_of_verb(job.verb)
        if kind is None:
            raise
        recipe: BaseModel = parse(Path(job.recipe), object_at(recipe_files_of(kind).schema), {}, sets=job.sets)
        return recipe.model_dump(mode="json")


def _evaluation_of(run: "Run") -> str | None:
    """The evaluation of which a run is a cell; None for any other run."""
    evaluation: str | None = run.recipe.get("cell", {}).get("evaluation")
    return evaluation


def _number(recipe: Mapping[str, Any], key: str) -> int:
    """The number at a key such as `generate.redraw`, 0 where the recipe leaves it out."""
    *sections, last = key.split(".")
    for name in sections:
        recipe = recipe.get(name, {})
    return int(recipe.get(last, 0))


def _status(error: BaseException) -> str:
    refused = isinstance(error, FoundWanting) and not isinstance(error, LimitReached)
    return "refused" if refused else status_of(error)
