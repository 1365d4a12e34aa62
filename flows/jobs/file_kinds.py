"""Kinds of recipe files by the key that declares each: verb, schema and loader. A kind is imported on first use."""

from collections.abc import Mapping
from pathlib import Path

from rollmill.flows.recipe.form import KINDS, FileKind
from rollmill.flows.recipe.parse import read_yaml

FILE_KINDS: Mapping[str, FileKind] = {
    **KINDS,
    "train_schema": FileKind(
        "train",
        "rollmill.flows.training.training_recipe:TrainingRecipe",
        "rollmill.flows.training.training_recipe:load_training",
    ),
    "trial_schema": FileKind(
        "trial", "rollmill.flows.trials.trial_recipe:TrialRecipe", "rollmill.flows.trials.trial_recipe:load_trial"
    ),
    "loop_schema": FileKind(
        "loop", "rollmill.flows.loops.loop_recipe:LoopRecipe", "rollmill.flows.loops.loaded_loop:load_loop"
    ),
    "mix_schema": FileKind(
        "mix", "rollmill.flows.mixing.mix_recipe:MixtureRecipe", "rollmill.flows.mixing.mix_recipe:load_mixture"
    ),
    "sweep_schema": FileKind(
        "sweep", "rollmill.flows.sweeps.sweep_recipe:SweepRecipe", "rollmill.flows.sweeps.sweep_recipe:load_sweep"
    ),
}
SCHEDULED = ("curate", "evaluate", "mix", "sweep")
"""Verbs that a schedule can fire."""


def scheduled_kind(path: Path) -> FileKind:
    """The kind of a file that a schedule can fire; for any other file the kind `recipe`, whose loader names the mistake."""
    data, _ = read_yaml(path, "recipes")
    kinds = (kind for key, kind in FILE_KINDS.items() if key in data and kind.verb in SCHEDULED)
    return next(kinds, KINDS["recipe_schema"])
