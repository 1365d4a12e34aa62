"""Jobs and loaded recipes by verb: the classes and functions that the table of kinds (rollmill.kinds) names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rollmill.flows.driver import RecipeKind
from rollmill.flows.job import Job
from rollmill.flows.recipe.parse import read_yaml
from rollmill.ground.by_name import object_at
from rollmill.ground.errors import unknown_name
from rollmill.kind import Kind
from rollmill.kinds import FIRST, kind_of_recipe, kind_of_verb, kinds, recipe_files_of


def kind_of(job: Job) -> RecipeKind[Any]:
    """The kind of a job; SetupError for any mistake in its recipe."""
    made: RecipeKind[Any] = object_at(_with_recipes(job.verb).job)(job)
    return made


def loaded_recipe(verb: str, path: Path, sets: Sequence[str] = ()) -> Any:
    """The loaded recipe of a verb; SetupError for any mistake in it."""
    return object_at(recipe_files_of(_with_recipes(verb)).loader)(path, sets=sets)


def scheduled_verb(path: Path) -> str:
    """The verb of a file that a schedule can fire; of any other file `curate`, whose loader names the mistake."""
    kind = kind_of_recipe(read_yaml(path, "recipes")[0])
    return FIRST.verb if kind is None or kind.firing is None else kind.verb


def _with_recipes(verb: str) -> Kind:
    """The kind of a verb whose jobs name a recipe; SetupError for any other, and where its package is not installed."""
    kind = kind_of_verb(verb)
    if kind is None or (kind.recipe is None and not kind.result):
        raise unknown_name("kind of job", verb, [known.verb for known in kinds() if known.recipe is not None])
    return kind
