"""The problems of a recipe, made or imported, less held-out ones and near duplicates; and the held-out ones themselves.

A pure function of the recipe and the imports. Knows no run.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from rollmill.flows.problem_sets import imported_problems, made_problems, of_split, source_digest, version_problems
from rollmill.flows.problem_sources import built_synthesizer
from rollmill.flows.recipe.load import LoadedEvaluation, LoadedRecipe
from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.recipe.user_files import TEMPLATES
from rollmill.ground.errors import SetupError, contract_error
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem, Prompt
from rollmill.pipelines.returned import check_returned
from rollmill.roles.engine_roles import Samplers
from rollmill.roles.protocols import CountsRefused, Synthesizer

if TYPE_CHECKING:
    from rollmill.pipelines.contamination import Scan
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RecipeProblems:
    """The problems of a run in a fixed order, how many there were before, how many were dropped for which reason.

    `evaluation`: the held-out problems, which they were checked against; `scan`: their index. `left_out`: the ids of the
    set's other problems.
    `maker`: name and version of the synthesizer that made them, `source`: name and content hash of its source.
    """

    problems: tuple[Problem, ...]
    made: int
    dropped: Mapping[str, int]
    evaluation: tuple[Problem, ...] = ()
    left_out: frozenset[str] = frozenset()
    maker: tuple[str, str] | None = None
    source: tuple[str, str] | None = None
    scan: "Scan | None" = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> "RecipeProblems":
        """These problems, none of which was dropped."""
        kept = tuple(problems)
        return cls(kept, len(kept), {})

    @property
    def digest(self) -> str:
        """Identity of the set, whatever its order."""
        return digest128(["problems", sorted(problem.id for problem in self.problems)])


def make_problems(workspace: "Workspace", loaded: LoadedRecipe, samplers: Samplers | None = None) -> RecipeProblems:
    """The problems of the recipe, stored as one segment when no import holds them and they are new; SetupError when there
    are none. `samplers`: the models that write problems; without them, only stored texts are read.
    """
    from rollmill.storage.segments.keys import SegmentKey

    recipe_problems = preview_problems(workspace, loaded, samplers, store=True)
    # An import is a segment already.
    if loaded.recipe.problems.imported is None:
        version = loaded.recipe.problems.version
        if version is None:
            key = problems_key(loaded, recipe_problems)
        else:
            # A version may be pulled from another clone, so this workspace may hold none of its problems.
            key = SegmentKey("problems", f"version:{version.partition('@')[0]}", "1", recipe_problems.digest)
        if not workspace.segments.has(key):
            workspace.segments.commit(key, recipe_problems.problems)
    return recipe_problems


def preview_problems(
    workspace: "Workspace", loaded: LoadedRecipe, samplers: Samplers | None = None, *, store: bool = False
) -> RecipeProblems:
    """The problems of the recipe. None of them are stored; `store`: its held-out ones are, so that they are made once."""
    if samplers is not None or not asks_model(loaded):
        return _problems(workspace, loaded, samplers, store=store)
    from rollmill.flows.sampling.stored import StoredSamplers

    stored = StoredSamplers(workspace)
    try:
        return _problems(workspace, loaded, stored, store=store)
    finally:
        stored.close()


def _problems(workspace: "Workspace", loaded: LoadedRecipe, samplers: Samplers | None, *, store: bool) -> RecipeProblems:
    part = loaded.recipe.problems
    maker = None if loaded.synthesizer is None else built_synthesizer(workspace, loaded.synthesizer, samplers)
    every = _every(workspace, loaded) if maker is None else _synthesized(maker, loaded)
    problems = of_split(every, part.split, part.imported or part.version or "")[: part.count]
    # Held-out problems go first, so that none of them is the one that stays of a group of near duplicates.
    evaluation = held_out(workspace, loaded, samplers, store=store)
    scan = _scan(evaluation)
    apart = problems if scan is None else _without_held_out(problems, scan)
    kept = _without_near_duplicates(apart, part.near_duplicates)
    if not kept:
        raise SetupError("every problem is one of the evaluation problems.", next_command="rollmill recipe show RECIPE")
    dropped = {"held_out": len(problems) - len(apart), "near_duplicate": len(apart) - len(kept)}
    if isinstance(maker, CountsRefused):
        dropped |= {f"refused_{reason}": count for reason, count in sorted(maker.refused.items())}
    left_out = {problem.id for problem in every} - {problem.id for problem in kept}
    named = None if maker is None else (maker.name, maker.version)
    source = None if maker is None or not takes_source(loaded) else (maker.source.name, maker.source.content_hash)
    return RecipeProblems(tuple(kept), len(problems), dropped, tuple(evaluation), frozenset(left_out), named, source, scan)


def held_out(
    workspace: "Workspace", loaded: LoadedRecipe, samplers: Samplers | None = None, *, store: bool = False
) -> list[Problem]:
    """The evaluation problems, regenerated, imported or read from their file; empty if the recipe names none.

    Those of templates of ours are made once by a program in a workspace: `store` keeps them.
    """
    problems: list[Problem] = []
    for part in loaded.evaluation:
        if part.method is None or part.method.cls is not _our_templates() or _of_users(part.method):
            problems += held_out_part(workspace, part, samplers)
        else:
            identity = [source_digest(), sys.version, dict(part.method.options), part.part.count, part.part.seed]
            make = partial(held_out_part, workspace, part, samplers)
            problems += made_problems(workspace.state / "held-out", digest128(identity), make, store=store)
    return problems


def _our_templates() -> type:
    from rollmill.pipelines.synthesize.templates import Templates

    return Templates


def _of_users(method: MethodSpec) -> bool:
    """True if a synthesizer has templates of the user's own, which may read anything."""
    return any(":" in str(name) for name in method.options.get(TEMPLATES) or ())


def check_held_out(workspace: "Workspace", loaded: LoadedRecipe) -> None:
    """SetupError for held-out problems that cannot be read, or whose synthesizer refuses its options or makes no first
    problem. No model is asked.
    """
    for part in loaded.evaluation:
        if part.method is None:
            list(held_out_part(workspace, part, None))
        elif not part.method.asks_model:
            # One problem shows whether the options are accepted; making all of them may take long.
            next(iter(held_out_part(workspace, part, None)), None)


def held_out_part(workspace: "Workspace", loaded: LoadedEvaluation, samplers: Samplers | None) -> Iterable[Problem]:
    """The problems of one part of `evaluation`."""
    part = loaded.part
    if loaded.method is not None:
        problems: Iterable[Problem] = built_synthesizer(workspace, loaded.method, samplers).synthesize(
            part.count, part.seed
        )
        return problems
    if part.imported is not None:
        return imported_problems(workspace, part.imported)
    from rollmill.storage.imports.texts import read_prompts

    assert loaded.path is not None
    return read_prompts(loaded.path, part.map)


def asks_model(loaded: LoadedRecipe) -> bool:
    """True if a model writes problems of the recipe or its held-out problems."""
    makers = (loaded.synthesizer, *(part.method for part in loaded.evaluation))
    return any(maker is not None and maker.asks_model for maker in makers)


def takes_source(loaded: LoadedRecipe) -> bool:
    """True if the recipe's problems are derived from others."""
    return loaded.synthesizer is not None and loaded.synthesizer.takes_source


def problems_key(loaded: LoadedRecipe, problems: RecipeProblems) -> Any:
    """The segment key of a recipe's synthesized problems, kept apart from its evaluation problems."""
    from rollmill.storage.segments.keys import SegmentKey

    assert problems.maker is not None
    canonical = loaded.canonical()
    # The held-out problems are part of the key, because they decide which problems are dropped.
    identity = [canonical["problems"], canonical["evaluation"], loaded.recipe.seed]
    if any(part.part.imported is not None for part in loaded.evaluation):  # what a name stands for may grow
        identity.append(sorted(problem.id for problem in problems.evaluation))
    if problems.source is not None:
        # The content hash: the name may stand for a newer version later.
        identity.append(problems.source[1])
    return SegmentKey("problems", *problems.maker, digest128(identity))


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text."""
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)


def _every(workspace: "Workspace", loaded: LoadedRecipe) -> list[Problem]:
    """All problems that are imported or of a version."""
    part = loaded.recipe.problems
    if part.imported is not None:
        return imported_problems(workspace, part.imported)
    assert part.version is not None
    return version_problems(workspace, part.version)


def _synthesized(maker: Synthesizer, loaded: LoadedRecipe) -> list[Problem]:
    count, name = loaded.recipe.problems.count, loaded.recipe.problems.synthesize
    assert count is not None
    # A user's own synthesizer may return None.
    problems = list(maker.synthesize(count, loaded.recipe.seed) or ())
    if odd := [item for item in problems if not isinstance(item, Problem)]:
        raise contract_error(f"synthesizer {name!r} made {odd[0]!r:.60}, which is not a Problem")
    check_returned(maker, "synthesize", problems, Problem)
    if not problems:
        raise SetupError(f"synthesizer {name!r} made no problems with these options.")
    return problems


def _scan(evaluation: list[Problem]) -> "Scan | None":
    """Index of the held-out problems; None without any."""
    if not evaluation:
        return None
    from rollmill.pipelines.contamination import Scan

    return Scan(evaluation)


def _without_held_out(problems: list[Problem], scan: "Scan") -> list[Problem]:
    """Dropped are evaluation problems, edited copies of them, and those with the same solution graph and numbers.

    The gate would refuse them anyway, after they were drawn for.
    """
    from rollmill.pipelines.contamination import Overlaps
    from rollmill.storage.segments.schema import to_table

    overlaps = scan.problems([to_table("problems", problems)], Overlaps())
    leaks = {hit.row for _, hit in overlaps.leaks}
    return [problem for problem in problems if problem.id not in leaks]


def _without_near_duplicates(problems: list[Problem], threshold: float | None) -> list[Problem]:
    if threshold is None:
        return problems
    from rollmill.pipelines.select.near_duplicates import near_duplicates

    matches = near_duplicates([prompt_text(problem.prompt) for problem in problems], threshold)
    return [problem for problem, match in zip(problems, matches, strict=True) if match is None]
