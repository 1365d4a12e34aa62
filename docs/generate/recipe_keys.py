"""The page of recipe keys: every key of a recipe, a profile, an evaluation and a benchmark definition."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.tables import shown_default, table, type_words
from rollmill.flows.loops.loop_recipe import LoopRecipe
from rollmill.flows.mixing.mix_recipe import MixtureRecipe
from rollmill.flows.recipe.benchmarks import Definition
from rollmill.flows.recipe.evaluations import EvaluationRecipe
from rollmill.flows.recipe.profile import Profile
from rollmill.flows.recipe.schema import Generate, Recipe
from rollmill.flows.studies.study_recipe import StudyRecipe
from rollmill.flows.sweeps.sweep_recipe import SweepRecipe
from rollmill.flows.training.training_recipe import TrainingRecipe
from rollmill.flows.trials.trial_recipe import TrialRecipe
from rollmill.ground.form_fields import descriptions

FILES: Mapping[str, tuple[type[BaseModel], str]] = {
    "Recipe": (Recipe, "Everything that can change a row. `rollmill recipe show FILE` prints one with every default."),
    "Profile": (Profile, "How one machine runs a recipe. Nothing here changes a row. Pass it with `--profile`."),
    "Evaluation": (EvaluationRecipe, "Benchmarks and models for `rollmill evaluate`."),
    "Sweep": (SweepRecipe, "Base, arms and allocator for `rollmill sweep`."),
    "Training": (TrainingRecipe, "Data, initial model and methods for `rollmill train`."),
    "Mixture": (MixtureRecipe, "Sources, shares, thresholds and method for `rollmill mix`."),
    "Trial": (TrialRecipe, "Arms, seeds and evaluation for `rollmill trial`."),
    "Loop": (LoopRecipe, "Rounds of curate, train and evaluate for `rollmill loop`."),
    "Study": (StudyRecipe, "A paper's claim, models and measure for `rollmill study`."),
    "Benchmark definition": (Definition, "A benchmark in a file of its own, which evaluations name."),
}
_BOUNDS: Mapping[type, tuple[str, str]] = {
    Ge: ("ge", "≥ {}"),
    Gt: ("gt", "> {}"),
    Le: ("le", "≤ {}"),
    Lt: ("lt", "< {}"),
    MinLen: ("min_length", "at least {} long"),
}


def page() -> str:
    """The whole page."""
    parts = ["# Recipe keys", "Every key of the YAML files, as the code checks them. An unknown key is refused."]
    seen: set[type[BaseModel]] = set()
    for title, (model, about) in FILES.items():
        parts += [f"## {title}", about, _table(model)]
        for path, section in _sections(model, "", seen):
            parts += [f"### `{path}`" if title == "Recipe" else f"### {title}: `{path}`", *_about(section)]
    return "\n\n".join(parts) + "\n"


def _sections(model: type[BaseModel], path: str, seen: set[type[BaseModel]]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section inside a model, by the path of its keys; a section of two places is listed at the first."""
    for key, info in model.model_fields.items():
        for inner, suffix in _models(info.annotation, ""):
            if inner not in seen:
                seen.add(inner)
                place = f"{path}{key}{suffix}"
                yield place, inner
                yield from _sections(inner, f"{place}.", seen)


def _models(annotation: Any, suffix: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The models in a type; `suffix` says that they are items of a list or values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
    inside = {tuple: "[]", list: "[]", dict: ".NAME"}.get(get_origin(annotation), "")
    for argument in get_args(annotation):
        yield from _models(argument, suffix + inside)


def _about(model: type[BaseModel]) -> list[str]:
    """The first paragraph about a section, and its table."""
    text = " ".join((model.__doc__ or "").partition("\n\n")[0].split())
    return [text, _table(model)]


def _table(model: type[BaseModel]) -> str:
    """The keys of a section: type, default and description. Those that it shares with `generate` stand there."""
    texts, shared = descriptions(model), issubclass(model, Generate) and model is not Generate
    rows = [
        [f"`{key}`", _type(info), _default(info), texts.get(key, "")]
        for key, info in model.model_fields.items()
        if not (shared and key in Generate.model_fields)
    ]
    more = "\n\nAlso every key of [`generate`](#generate)." if shared else ""
    return table(["key", "type", "default", "meaning"], rows) + more


def _default(info: FieldInfo) -> str:
    """A default as a file would write it."""
    if info.default_factory is not None:
        return "*computed*" if info.default_factory_takes_validated_data else "none"
    value = info.default
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_unset=True)
        return shown_default(given) if given else "its defaults"
    return shown_default(value)


def _type(info: FieldInfo) -> str:
    """A type in words, with the bounds of its values."""
    return ", ".join([type_words(info.annotation), *(bound for item in info.metadata if (bound := _bound(item)))])


def _bound(item: Any) -> str:
    """A bound of a value in words; empty without one."""
    kind = next((kind for kind in _BOUNDS if isinstance(item, kind)), None)
    if kind is None:
        return ""
    attribute, words = _BOUNDS[kind]
    value = getattr(item, attribute)
    large = isinstance(value, int) and value > 1_000_000
    return (
        ""
        if large or (kind is MinLen and value == 1)
        else words.format(f"{value:,}" if isinstance(value, int) else f"{value:g}")
    )
