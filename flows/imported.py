"""The imported rollouts that a recipe takes: those imported for its problem set, or of the imports that it names.

Rates and datasets would otherwise hold rollouts of other imports whose problems hash alike. Knows no run and draws nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flows.recipe import LoadedRecipe
from storage.errors import SetupError
from storage.imports.stored import ModelCount, answering, model_counts, names_of

if TYPE_CHECKING:
    from flows.problems import MadeProblems
    from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ImportedCounts:
    """How many rollouts a recipe takes, by import and model, and how many of the same problems other imports would add."""

    taken: tuple[ModelCount, ...]
    left: tuple[ModelCount, ...]

    def rows(self) -> list[dict[str, Any]]:
        """What is taken, as JSON values."""
        return [asdict(one) for one in self.taken]

    def lines(self) -> list[str]:
        """For a person, before anything is judged."""
        names = dict.fromkeys(one.name for one in self.taken)
        lines = [f"taken: {one.rollouts:,} rollouts of {_source(one)}" for one in self.taken]
        return lines + [
            f"left out: {one.rollouts:,} rollouts of {_source(one)}, imported for other problems "
            f"(generate.imports: [{', '.join([*names, one.name])}] takes them too)"
            for one in self.left
        ]


def imports_taken(workspace: "Workspace", loaded: LoadedRecipe) -> tuple[str, ...]:
    """The names of the rollout imports that the recipe takes; SetupError where none was made for its problem set.

    Empty for recipes that draw, and for made problems without `generate.imports`: no import is for those, so every imported
    rollout of them is taken.
    """
    generate, problem_set = loaded.recipe.generate, loaded.recipe.problems.imported
    if loaded.engines():
        return ()
    named = bool(generate.imports) or problem_set is None
    found = tuple(generate.imports) if named else answering(workspace, str(problem_set))
    for name in found:
        workspace.imports.require_whole(name)
    if not found and not named:
        raise SetupError(
            f"no rollouts were imported for the problem set {problem_set!r}; generate.imports takes others.",
            choices=names_of(workspace.segments, "completions"),
            next_command=f"rollmill import rollouts FILE --name NAME --problems {problem_set}",
        )
    return found


def counted(workspace: "Workspace", names: Sequence[str], problems: "MadeProblems") -> ImportedCounts:
    """The rollouts of these problems in the imports that are taken (all, where none is named), and in the others."""
    every = names_of(workspace.segments, "completions")
    chosen = list(names) or every
    ordered = [*chosen, *(name for name in every if name not in chosen)]
    counts = model_counts(workspace.segments, ordered, {one.prompt_id for one in problems.problems}, problems.left_out)
    taken = tuple(one for one in counts if one.name in chosen)
    return ImportedCounts(taken, tuple(one for one in counts if one.name not in chosen))


def _source(one: ModelCount) -> str:
    return f"{one.prompts:,} problems by {one.model} (import {one.name})"
