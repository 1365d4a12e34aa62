"""Jobs as a ledger has them. The ledger may be somebody else's: nothing that the person did not run here is loaded."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.job import Job
from flows.recipe.parse import override, read_yaml
from flows.recipe.user_files import NotTrusted, stored_methods
from pipelines.own_jobs import is_own_profile, is_own_recipe
from storage.ground.errors import SetupError

if TYPE_CHECKING:
    from storage.runs import Run

_OF_RUN = ("score", "accept")  # parts of a run's record that commands build methods of


def stored_job(
    run: "Run",
    root: Path,
    *,
    profile: str | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
) -> Job:
    """The job of a run with this profile and these limits; SetupError unless the person named here what it loads.

    That is the Python files of the recipe, programs without the sandbox, and the profile with its programs and servers,
    unless the command names another profile. A recipe that was run from its place with the same overrides is the person's,
    whatever it says today: `reverify` is for changed verifiers.
    """
    job = Job.of_run(run.recipe["job"], root)
    job = replace(
        job,
        profile=profile or job.profile,
        max_tokens=job.max_tokens if max_tokens is None else max_tokens,
        max_cost=max_cost or job.max_cost,
    )
    try:
        _require_own(job, run)
        if profile is None and not is_own_profile(job.profile):
            raise NotTrusted(f"run {run.id} has the profile {job.profile}, which you did not use here as it is now.")
    except NotTrusted as error:
        raise SetupError(error.message, next_command=f"read it, then {job.command}") from None
    return job


def _require_own(job: Job, run: "Run") -> None:
    """NotTrusted for a recipe, or a part that only the run's record has, with code that the person did not name here."""
    recipe, own = read_yaml(Path(job.recipe), "recipes")[0], is_own_recipe(job.recipe, job.sets)
    for text in job.sets:
        override(recipe, text)
    if job.cell is not None and not own:  # its benchmarks are defined in more files
        raise NotTrusted(f"run {run.id} belongs to the evaluation {job.recipe}, which you did not run here.")
    recorded = {key: run.recipe[key] for key in _OF_RUN if run.recipe.get(key)}
    parts: list[Mapping[str, Any]] = [recorded] if own else [recorded, recipe]
    for part in parts:
        with stored_methods(f"run {run.id}", part, None, base=job.folder) as methods:
            methods.require_own(recipe if own else {})
