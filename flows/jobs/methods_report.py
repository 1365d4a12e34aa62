"""reports/<recipe>/methods.json: what a recipe's rows follow from beside its text, as a file that DVC compares.

It lists the product's own source, the versions of the methods that the recipe names, and the files that it names: data,
methods of the user's own, chat templates, weights. It holds no time and no place of a machine.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.storage.artifacts.digests import digest
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from rollmill.flows.recipe.load import LoadedRecipe


def write_methods_report(workspace: Workspace, loaded: "LoadedRecipe") -> Path:
    """Write the report of a recipe; the file changes only when its content does."""
    from rollmill.flows.curation.outcome import reports_folder, write_json

    return write_json(reports_folder(workspace.root, loaded) / "methods.json", methods_report(workspace, loaded))


def methods_report(workspace: Workspace, loaded: "LoadedRecipe") -> dict[str, Any]:
    """Digest of the product's source, version of each method by its role and name, digest of each named file."""
    from rollmill.flows.jobs.unchanged import built_version, methods_of, named_files
    from rollmill.flows.problem_sets import source_digest
    from rollmill.flows.recipe.methods import ORIGIN
    from rollmill.flows.recipe.user_files import parts_with

    methods = {f"{method.role} {method.name}": method for method in methods_of(loaded)}
    files = {path.resolve() for path in named_files(loaded, workspace) if path.is_file()}
    own = parts_with(loaded.canonical(), lambda part: any(key in part for key in ORIGIN))
    return {
        "program": source_digest(),
        # An engine's version is the digest of its model, whose files follow.
        "methods": {name: built_version(method) for name, method in sorted(methods.items()) if method.role != "engine"},
        "own_methods": sorted({str(part[key]) for part in own for key in ORIGIN if key in part}),
        "files": dict(sorted((_name(path, workspace.root), digest(path)) for path in files)),
    }


def _name(path: Path, root: Path) -> str:
    """The path within the workspace; of a file elsewhere its last two parts, which are the same on every machine."""
    return str(path.relative_to(root) if path.is_relative_to(root) else Path(*path.parts[-2:]))
