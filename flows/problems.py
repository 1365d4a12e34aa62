"""The problems of a recipe, made or imported, less held-out ones and near duplicates; and the held-out ones themselves.

A pure function of the recipe and of what was imported. Knows no run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.problem_sets import imported_problems, of_split, version_problems
from flows.recipe import LoadedRecipe
from flows.recipe.load import LoadedEvaluation
from storage.errors import SetupError, broken
from storage.ids import digest128
from storage.records import Problem, Prompt
from storage.segments.schema import to_table

if TYPE_CHECKING:
    from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RecipeProblems:
    """The problems of a run in a fixed order, how many there were before, how many were dropped for which reason.

    `evaluation` are the held-out problems that they were kept apart from, `left_out` the ids of the set's other problems.
    """

    problems: tuple[Problem, ...]
    made: int
    dropped: Mapping[str, int]
    evaluation: tuple[Problem, ...] = ()
    left_out: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """Identity of the set, whatever its order."""
        return digest128(["problems", sorted(problem.id for problem in self.problems)])


def make_problems(workspace: "Workspace", loaded: LoadedRecipe) -> RecipeProblems:
    """The problems of the recipe, stored as one segment when no import holds them and they are new; SetupError when there
    are none.
    """
    from storage.segments.keys import SegmentKey

    recipe_problems = preview_problems(workspace, loaded)
    if loaded.recipe.problems.imported is None:
        version = loaded.recipe.problems.version
        if version is None:
            key = problems_key(loaded, recipe_problems.evaluation)
        else:
            key = SegmentKey("problems", f"version:{version.partition('@')[0]}", "1", recipe_problems.digest)
        if not workspace.segments.has(key):
            workspace.segments.commit(key, recipe_problems.problems)
    return recipe_problems


def preview_problems(workspace: "Workspace", loaded: LoadedRecipe) -> RecipeProblems:
    """The problems of the recipe, without storing any."""
    part = loaded.recipe.problems
    every = _every(workspace, loaded)
    made = of_split(every, part.split, part.imported or part.version or "")[: part.count]
    evaluation = held_out(workspace, loaded)
    apart = _without_held_out(made, evaluation)
    kept = _without_near_duplicates(apart, part.near_duplicates)
    if not kept:
        raise SetupError("every problem is one of the evaluation problems.", next_command="rollmill recipe show RECIPE")
    dropped = {"held_out": len(made) - len(apart), "near_duplicate": len(apart) - len(kept)}
    left_out = {problem.id for problem in every} - {problem.id for problem in kept}
    return RecipeProblems(tuple(kept), len(made), dropped, tuple(evaluation), frozenset(left_out))


def held_out(workspace: "Workspace", loaded: LoadedRecipe) -> list[Problem]:
    """The evaluation problems, regenerated, imported or read from their file; empty where the recipe names none."""
    return [problem for part in loaded.evaluation for problem in _evaluation_part(workspace, part)]


def _evaluation_part(workspace: "Workspace", loaded: LoadedEvaluation) -> Iterable[Problem]:
    part = loaded.part
    if loaded.method is not None:
        made: Iterable[Problem] = loaded.method.build().synthesize(part.count, part.seed)
        return made
    if part.imported is not None:
        return imported_problems(workspace, part.imported)
    from storage.imports import read_prompts

    assert loaded.path is not None
    return read_prompts(loaded.path, part.map)


def problems_key(loaded: LoadedRecipe, evaluation: Sequence[Problem] = ()) -> Any:
    """The segment key of a recipe's synthesized problems, kept apart from these evaluation problems."""
    from storage.segments.keys import SegmentKey

    assert loaded.synthesizer is not None
    maker = loaded.synthesizer.build()
    canonical = loaded.canonical()
    identity = [canonical["problems"], canonical["evaluation"], loaded.recipe.seed]
    if any(part.part.imported is not None for part in loaded.evaluation):  # what a name stands for may grow
        identity.append(sorted(problem.id for problem in evaluation))
    return SegmentKey("problems", maker.name, maker.version, digest128(identity))


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text."""
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)


def _every(workspace: "Workspace", loaded: LoadedRecipe) -> list[Problem]:
    """All problems of where the recipe takes them from."""
    part = loaded.recipe.problems
    if part.imported is not None:
        return imported_problems(workspace, part.imported)
    return _synthesized(loaded) if part.version is None else version_problems(workspace, part.version)


def _synthesized(loaded: LoadedRecipe) -> list[Problem]:
    assert loaded.synthesizer is not None
    made = list(loaded.synthesizer.build().synthesize(loaded.recipe.problems.count, loaded.recipe.seed) or ())
    if odd := [item for item in made if not isinstance(item, Problem)]:
        raise broken(f"synthesizer {loaded.synthesizer.name!r} made {odd[0]!r:.60}, which is no Problem")
    if not made:
        raise SetupError(f"synthesizer {loaded.synthesizer.name!r} made no problems with these options.")
    return made


def _without_held_out(problems: list[Problem], evaluation: list[Problem]) -> list[Problem]:
    """Dropped are evaluation problems, edited copies of them, and those with the same solution graph and numbers.

    The gate would refuse them anyway, after they were drawn for.
    """
    if not evaluation:
        return problems
    from pipelines.contamination import Overlaps, Scan

    overlaps = Scan(evaluation).problems([to_table("problems", problems)], Overlaps())
    leaks = {hit.row for _, hit in overlaps.leaks}
    return [problem for problem in problems if problem.id not in leaks]


def _without_near_duplicates(problems: list[Problem], threshold: float | None) -> list[Problem]:
    if threshold is None:
        return problems
    from pipelines.select.near_duplicates import near_duplicates

    matches = near_duplicates([prompt_text(problem.prompt) for problem in problems], threshold)
    return [problem for problem, match in zip(problems, matches, strict=True) if match is None]
