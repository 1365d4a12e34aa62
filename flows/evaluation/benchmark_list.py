"""The list of shipped benchmarks. Reads their definitions alone, and in a used workspace the names of its imports."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.recipe.benchmarks import load_definition, shipped_definitions

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


def benchmark_list(workspace: "Workspace") -> list[dict[str, Any]]:
    """The definitions that ship, and whether their problems are here."""
    here = set() if workspace.unused else _imported(workspace)
    rows = []
    for name in shipped_definitions():
        definition = load_definition(name, Path())
        checkers = [part.method for part in definition.verify]
        imported = definition.problems().get("imported")
        rows.append(
            {
                "name": name,
                "kind": definition.kind,
                "verify": checkers,
                "form": definition.prompt_form,
                "licence": definition.licence,
                "imported": imported in here,
            }
        )
    return rows


def _imported(workspace: "Workspace") -> set[str]:
    from rollmill.storage.imports.stored import names_of

    return set(names_of(workspace.segments, "problems"))
