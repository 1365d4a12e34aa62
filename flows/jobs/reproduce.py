"""A published version made again from its recipe alone, in a workspace of its own: equal, or how far from it.

The same recipe under the same fingerprint (engine, libraries, processor features) gives the same content hash. Under
another fingerprint texts differ, and the report compares the pass rates of the same problems.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import Curate
from rollmill.flows.progress import Progress
from rollmill.flows.recipe.load import as_recipe, resolve_recipe
from rollmill.flows.recipe.schema import Recipe
from rollmill.flows.recipe.user_files import stored_methods
from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import takes_imports

if TYPE_CHECKING:
    from rollmill.storage.versions.resolve import VersionInfo


def reproduce(info: "VersionInfo", folder: Path, *, base: Path, profile: Path | None, progress: Progress) -> dict[str, Any]:
    """Run the recipe of a version in `folder`, an empty or missing one, and compare; JSON values.

    `base`: where the recipe's own Python files lie. SetupError if it depends on data that an empty workspace lacks, or on
    code that the person did not run before.
    """
    from rollmill.storage.versions.read import load_manifest
    from rollmill.storage.versions.resolve import resolve
    from rollmill.storage.workspace import Workspace

    manifest = load_manifest(info)
    made = Recipe.model_validate(_made_here(info, manifest))
    with stored_methods(info.ref, manifest["recipe"], manifest.get("user_files"), base=base) as methods:
        methods.require_own()  # all of it is run here, engines too, with this person's environment
    loaded = resolve_recipe(made, base=base)
    if loaded.recipe_hash != info.recipe_hash:
        raise SetupError(
            f"the recipe of {info.ref} has another hash today ({loaded.recipe_hash[:8]}, then {info.recipe_hash[:8]}): "
            "a method, a default or one of the recipe's own files changed.",
            next_command="check out the commit that published it",
        )
    if folder.exists() and any(folder.iterdir()):
        raise SetupError(f"{folder} is not empty.", next_command="--into NEW_FOLDER")
    Workspace.init(folder).close()
    job = Job(str(folder), str(base / f"{loaded.recipe.name}.yaml"), (), None if profile is None else str(profile))
    outcome = drive(Curate(job, loaded), progress=progress)
    with Workspace.open(folder) as workspace:
        new_manifest = load_manifest(resolve(workspace.datasets, outcome["dataset"]))
    same = outcome["content_hash"] == info.content_hash
    return {
        "version": info.ref,
        "content_hash": info.content_hash,
        "reproduced": outcome["content_hash"],
        "equal": same,
        "fingerprint": _changes(manifest["fingerprint"], new_manifest["fingerprint"]),
        "difference": None if same else _difference(info, folder),
        "workspace": str(folder),
    }


def _made_here(info: "VersionInfo", manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of a version, if an empty workspace can make it."""
    recipe = manifest["recipe"]
    if "mixture" in manifest:
        raise SetupError(
            f"{info.ref} is a mixture of other versions, which an empty workspace does not have.",
            next_command=f"rollmill dataset verify {info.ref} judges its rows again",
        )
    if takes_imports(recipe) or "imports" in manifest or recipe["problems"].get("imported"):
        raise SetupError(
            f"{info.ref} was made of imported rows, which an empty workspace does not have.",
            next_command=f"rollmill dataset verify {info.ref} derives its decisions and verdicts again",
        )
    return as_recipe(recipe)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    from rollmill.storage.versions.diff import changes

    return [{"key": change.key, "then": change.old, "now": change.new} for change in changes(before, after)]


def _difference(info: "VersionInfo", folder: Path) -> dict[str, Any]:
    """The pass rates of the problems that both have, paired, with n and interval; `why` if there are none."""
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.comparisons.comparison import ComparisonRequest, compare
    from rollmill.storage.queries.comparisons.sides import sides_of_model

    with Reader.open(info.path) as then, Reader.open(folder) as now:
        try:
            sides = sides_of_model(then, info.ref), sides_of_model(now, info.name)
            return next(iter(compare(*sides, ComparisonRequest())))
        except SetupError as error:
            return {"why": str(error)}
