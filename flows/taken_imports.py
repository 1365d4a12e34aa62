"""The imported rollouts that a recipe takes: those imported for its problem set, or of the imports that it names.

Rates and datasets would otherwise hold rollouts of other imports whose problems hash alike. Knows no run and draws nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128

if TYPE_CHECKING:
    import pyarrow as pa

    from rollmill.flows.problems import RecipeProblems
    from rollmill.storage.imports.stored import ModelCount
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ImportedCounts:
    """Rollouts that a recipe takes, by import and model, and those that other imports would add for the same problems."""

    taken: "tuple[ModelCount, ...]"
    left: "tuple[ModelCount, ...]"

    def rows(self) -> list[dict[str, Any]]:
        """Counts of the rollouts taken, as JSON values."""
        return [asdict(count) for count in self.taken]

    def lines(self) -> list[str]:
        """Lines for a person on the rollouts taken and left out, before anything is judged."""
        names = dict.fromkeys(count.name for count in self.taken)
        lines = [f"taken: {count.rollouts:,} rollouts of {_source(count)}" for count in self.taken]
        return lines + [
            f"left out: {count.rollouts:,} rollouts of {_source(count)}, imported for other problems "
            f"(generate.imports: [{', '.join([*names, count.name])}] takes them too)"
            for count in self.left
        ]


def digest_of_imports(rows: "pa.Table") -> str:
    """Identity of the imported completions that a recipe takes, given as by `imported_rows`."""
    # Sorted, so that neither the order of imports nor that of rows is part of the identity.
    return digest128(["imported", rows["completion_id"].unique().sort().to_pylist()])


def imports_taken(workspace: "Workspace", loaded: LoadedRecipe) -> tuple[str, ...]:
    """The names of the rollout imports that the recipe takes; SetupError if none was made for its problem set.

    Empty for recipes that draw, and for made problems without `generate.imports`: no import is for those, so every imported
    rollout of them is taken.
    """
    generate, problem_set = loaded.recipe.generate, loaded.recipe.problems.imported
    if not loaded.takes_imports:
        return ()
    from rollmill.storage.imports.stored import answering, names_of

    named = bool(generate.imports) or problem_set is None
    names = tuple(generate.imports) if named else answering(workspace, str(problem_set))
    for name in names:
        # Rates over the rows that a lost segment left would be of an unknown part of the import.
        workspace.imports.require_whole(name)
    if not names and not named:
        raise SetupError(
            f"no rollouts were imported for the problem set {problem_set!r}; generate.imports takes others.",
            choices=names_of(workspace.segments, "completions"),
            next_command=f"rollmill import rollouts FILE --name NAME --problems {problem_set}",
        )
    return names


def imported_counts(workspace: "Workspace", names: Sequence[str], problems: "RecipeProblems") -> ImportedCounts:
    """The rollouts of these problems in the imports that are taken (all, if none is named), and in the others."""
    from rollmill.storage.imports.stored import model_counts, names_of

    every = names_of(workspace.segments, "completions")
    chosen = list(names) or every
    # Chosen imports come first, because a rollout in several counts with the first of them.
    ordered = [*chosen, *(name for name in every if name not in chosen)]
    counts = model_counts(
        workspace.segments, ordered, {problem.prompt_id for problem in problems.problems}, problems.left_out
    )
    taken = tuple(count for count in counts if count.name in chosen)
    return ImportedCounts(taken, tuple(count for count in counts if count.name not in chosen))


def _source(count: "ModelCount") -> str:
    return f"{count.prompts:,} problems by {count.model} (import {count.name})"
