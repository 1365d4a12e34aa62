"""The recipe of a sweep: a base recipe or evaluation, the arms, and the allocator that distributes completions over them.

It becomes an ordinary recipe with a step for each arm and budget `sweep`, so a sweep is one run: stored, charged, resumed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from rollmill.flows.recipe.evaluations import is_evaluation, load_evaluation
from rollmill.flows.recipe.load import LoadedRecipe, load_recipe, resolve_recipe
from rollmill.flows.recipe.methods import MethodSpec, method_class, parameters
from rollmill.flows.recipe.parse import explain, naming, parse
from rollmill.flows.recipe.schema import Generate, Method, Part, Recipe, SchemaOne, Slug, StepName, Text
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.recipe_steps import IMPORTED
from rollmill.pipelines.budget.sweep import SweepBudget

FOLDER = "recipes/sweeps"
UNCHANGED = "default"
"""Name of the arm of the base's own settings, where no arm has them."""
MOST_ARMS = 256
LISTS = "lists"
"""Option of an allocator over lists of demonstrations."""
_WHOLE_RECIPE = ("imports", "redraw", "batch_size")  # keys of `generate` that no arm changes
_LONGEST = 20  # letters of a value in the name of an arm


class SweepRecipe(Part):
    """A sweep: arms that differ in settings, prompt or model, everything else equal."""

    sweep_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the sweep, of its run and of its report."""
    base: Text
    """Recipe or evaluation with problems, verifiers and the default settings."""
    benchmark: Text | None = None
    """Benchmark of an evaluation that has several."""
    model: Text | None = None
    """Model of an evaluation that has several."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of the base with other values, for example `seed: 3`."""
    arms: dict[StepName, dict[str, Any]] = Field(default_factory=dict)
    """Keys of `generate` that differ, by arm."""
    grid: dict[Text, tuple[Any, ...]] = Field(default_factory=dict)
    """Values by key of `generate`; every combination is an arm."""
    allocator: Method = Method(method="halving")
    """Allocator with its options: `total` pulls in all, `group` completions of one problem in a pull."""
    report: int = Field(default=4, ge=1, le=1_000, strict=True)
    """Completions of each problem of the half that reports, of the chosen arm and of the default."""
    salt: str = ""
    """Text that changes the halves."""

    @model_validator(mode="after")
    def _has_arms(self) -> "SweepRecipe":
        if not self.arms and not self.grid:
            raise ValueError("a sweep needs arms or a grid: grid: {temperature: [0.5, 1.0]}")
        empty = next((key for key, values in self.grid.items() if not values), None)
        if empty is not None:
            raise ValueError(f"grid: {empty!r} has no value")
        return self


@dataclass(frozen=True, slots=True)
class LoadedSweep:
    """A sweep whose files are read. `loaded`: the recipe that it becomes; `settings`: the changed keys of each arm."""

    recipe: SweepRecipe
    loaded: LoadedRecipe
    settings: Mapping[str, Mapping[str, Any]]
    budget: SweepBudget

    def engines(self) -> list[MethodSpec]:
        """The engines that may draw."""
        return self.loaded.engines()

    def canonical(self) -> dict[str, Any]:
        """The recipe that the run records."""
        return self.loaded.canonical()


def load_sweep(path: Path, *, sets: Sequence[str] = ()) -> LoadedSweep:
    """The sweep of a file after `--set` overrides; SetupError in one line for any mistake in it or in what it names."""
    recipe = parse(path, SweepRecipe, {}, sets=sets, folder=FOLDER)
    base = _base(recipe, path.parent)
    with naming(path, FOLDER):
        settings, default = _arms(recipe, base.recipe.generate)
        try:
            options = {"default": default, "allocator": _allocator(recipe, base, settings)}
            made = Recipe.model_validate(_recipe(recipe, base.recipe, settings, options))
        except ValidationError as error:
            raise SetupError(explain(error, Recipe, path, {})) from None
        loaded = resolve_recipe(made, base=base.base)
        return LoadedSweep(recipe, loaded, settings, loaded.budget.build())


def _base(recipe: SweepRecipe, folder: Path) -> LoadedRecipe:
    """The recipe with the default settings: that of the file, or of one cell of an evaluation."""
    path, sets = folder / recipe.base, tuple(f"{key}={json.dumps(value)}" for key, value in recipe.set.items())
    if not is_evaluation(path):
        for key in ("benchmark", "model"):
            if getattr(recipe, key) is not None:
                raise SetupError(
                    f"{path} is no evaluation, so the sweep takes no {key!r}.", next_command=f"leave {key} out"
                )
        loaded = load_recipe(path, sets=sets)
    else:
        cells: Sequence[LoadedRecipe] = load_evaluation(path, sets=sets).cells
        for key in ("benchmark", "model"):
            cells = _of_one(cells, key, getattr(recipe, key))
        loaded = cells[0]
    if loaded.recipe.steps or loaded.recipe.generate.engine == IMPORTED:
        has = "lists steps" if loaded.recipe.steps else "takes imported rollouts"
        raise SetupError(f"{path} {has}: the arms of a sweep are the steps, and are drawn.", next_command="another base")
    return loaded


def _of_one(cells: Sequence[LoadedRecipe], key: str, wanted: str | None) -> Sequence[LoadedRecipe]:
    """The cells of one benchmark or model; SetupError if it is unknown, or none is named among several."""
    names = list(dict.fromkeys(str(getattr(cell.cell, key)) for cell in cells))
    if wanted is None and len(names) > 1:
        raise SetupError(f"the evaluation has {len(names)} {key}s.", choices=names, next_command=f"{key}: {names[0]}")
    if wanted is not None and wanted not in names:
        raise unknown_name(key, wanted, names)
    return [cell for cell in cells if wanted in (None, getattr(cell.cell, key))]


def _arms(recipe: SweepRecipe, base: Generate) -> tuple[dict[str, dict[str, Any]], str]:
    """The changed keys of each arm, and the name of the arm with the base's settings, which is added if it is missing."""
    settings = {name: dict(changed) for name, changed in recipe.arms.items()}
    keys = list(recipe.grid)
    # `product` of nothing gives one empty combination.
    for values in product(*recipe.grid.values()) if keys else ():
        changed = dict(zip(keys, values, strict=True))
        name = _arm_name(recipe, changed)
        if name in settings:
            raise SetupError(f"two arms have the name {name!r}.", next_command="write the arms under `arms` alone")
        settings[name] = changed
    known = [key for key in Generate.model_fields if key not in _WHOLE_RECIPE]
    for name, changed in settings.items():
        for key in changed:
            if key not in known:
                raise unknown_name(f"key of arm {name!r}", key, known)
    # As JSON values, as the changed keys are: a tuple of the model would equal no list of the file.
    plain = base.model_dump(mode="json")
    default = next((name for name, changed in settings.items() if all(plain[key] == changed[key] for key in changed)), None)
    if default is None:
        if UNCHANGED in settings:
            raise SetupError(
                f"arm {UNCHANGED!r} is not as the base, whose settings have this name.", next_command="rename it"
            )
        # The report compares the chosen arm with the default, so the default is always an arm.
        default, settings = UNCHANGED, {UNCHANGED: {}, **settings}
    if not 2 <= len(settings) <= MOST_ARMS:
        raise SetupError(f"a sweep of {len(settings)} arms: 2 to {MOST_ARMS} can be compared.")
    return settings, default


def _arm_name(recipe: SweepRecipe, changed: Mapping[str, Any]) -> str:
    """Name of an arm from its keys and values; a value that is no short word, or whose word another value has too (1 and
    -1), is named by its place in the list.
    """
    words = []
    for key, value in changed.items():
        text, texts = _word(value), list(map(_word, recipe.grid[key]))
        words += [key, text if text and texts.count(text) == 1 else str(recipe.grid[key].index(value) + 1)]
    name = "-".join(words)
    # The length limit of a step's name (StepName).
    if len(name) > 63:
        raise SetupError(f"{name!r} is too long for an arm: 63 letters at most.", next_command="arms: {NAME: {KEY: VALUE}}")
    return name


def _word(value: Any) -> str:
    """The value in letters of a name, "" if it is none or a long one."""
    text = re.sub(r"[^a-z0-9_-]+", "_", str(value).lower()).strip("_-")
    return text if isinstance(value, str | int | float) and len(text) <= _LONGEST else ""


def _allocator(recipe: SweepRecipe, base: LoadedRecipe, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The allocator; one over lists of demonstrations gets those that the arms show, by id or prompt."""
    given = recipe.allocator
    cls, _, _ = method_class("allocator", given.method, base.base)
    # Lists that the user gives are taken as they are.
    if LISTS not in parameters(cls) or LISTS in given.options:
        return given.model_dump(mode="json")
    plain = base.recipe.generate.model_dump(mode="json")
    shown = {name: {**plain, **changed} for name, changed in settings.items()}
    lists = {
        name: [*(part["examples_from"] or {}).get("ids", ()), *(example["prompt"] for example in part["examples"])]
        for name, part in shown.items()
    }
    return {"method": given.method, "options": {**given.options, LISTS: lists}}


def _recipe(
    recipe: SweepRecipe, base: Recipe, settings: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The recipe of the run: the base's problems and verifiers, a step for each arm, budget `sweep`."""
    # Unset keys stay unset: a written batch_size would also hold for an arm with other max_tokens.
    given = base.model_dump(mode="json", exclude_unset=True)
    kept: dict[str, Any] = {
        key: given[key] for key in ("problems", "generate", "verify", "accept", "evaluation") if key in given
    }
    return {
        "recipe_schema": 1,
        "name": recipe.name,
        "seed": base.seed,
        **kept,
        "steps": [{"name": name, **changed} for name, changed in settings.items()],
        "budget": {"method": SweepBudget.name, "options": {**options, "report": recipe.report, "salt": recipe.salt}},
    }
