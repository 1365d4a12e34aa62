"""Models that draw for a recipe of each kind that a schedule fires, by every name that a trigger may give them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rollmill.ground.recipe_steps import IMPORTED
from rollmill.storage.models.index import MODELS

if TYPE_CHECKING:
    from rollmill.flows.mixing.mix_recipe import LoadedMixture
    from rollmill.flows.recipe.evaluations import LoadedEvaluationRecipe
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.flows.sweeps.sweep_recipe import LoadedSweep


def of_recipe(loaded: "LoadedRecipe") -> dict[str, str]:
    """The models of a recipe's steps."""
    return _named(step.generate.model for step in loaded.steps if step.engine is not None)


def of_sweep(loaded: "LoadedSweep") -> dict[str, str]:
    """The models of a sweep's arms."""
    return of_recipe(loaded.loaded)


def of_mixture(loaded: "LoadedMixture") -> dict[str, str]:
    """The model of a mixture's signals."""
    signals = loaded.recipe.signals.model
    return {} if signals is None else _named([signals.model])


def of_evaluation(loaded: "LoadedEvaluationRecipe") -> dict[str, str]:
    """The models of an evaluation, by the names of their rows too."""
    rows = {row.name: row.model for row in loaded.recipe.models if row.engine != IMPORTED}
    # Names of rows come last, so that one wins over another model's text.
    return {**_named(rows.values()), **rows}


def _named(models: Iterable[str]) -> dict[str, str]:
    """Models by their texts, with and without the folder of models."""
    texts = list(dict.fromkeys(models))
    return {**{text.removeprefix(f"{MODELS}/"): text for text in texts}, **{text: text for text in texts}}
