"""The recipe of an evaluation: benchmarks, models and metrics, as a checked value, and the cells that it is made of.

A cell is one benchmark asked of one model. It is a run like any other, of a recipe with a fixed number of completions, in
the stream `evaluate`: drawn once, resumed, charged, and never mixed with the completions of a dataset.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from flows.recipe.load import IMPORTED, Cell, LoadedRecipe, resolve_recipe
from flows.recipe.parse import parse
from flows.recipe.schema import (
    MOST_PROBLEMS,
    Accept,
    Example,
    Generate,
    Method,
    Part,
    Recipe,
    SchemaOne,
    Share,
    Slug,
    Text,
)
from storage.errors import SetupError, unknown_name

MOST_SAMPLES = 100_000


class Benchmark(Part):
    """Problems with their verifiers. `synthesize` (with `count`, `options`) or `imported`, as in a recipe's `problems`.

    `samples`: completions of each problem, where it is not the evaluation's number. `prompt_template`, `examples`: how this
    benchmark asks, for models that have no words of their own.
    """

    name: Slug
    synthesize: str | None = None
    imported: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    count: int | None = Field(default=None, ge=1, le=MOST_PROBLEMS, strict=True)
    verify: tuple[Method, ...] = Field(default=(Method(method="number"),), min_length=1)
    accept: Accept | None = None
    samples: int | None = Field(default=None, ge=1, le=MOST_SAMPLES, strict=True)
    prompt_template: str = "{prompt}"
    examples: tuple[Example, ...] = ()

    def problems(self) -> dict[str, Any]:
        """Its section `problems` of a recipe."""
        keys = {"synthesize": self.synthesize, "imported": self.imported, "options": self.options, "count": self.count}
        return {key: value for key, value in keys.items() if value not in (None, {})}


class EvaluatedModel(Generate):
    """One row of the table: a model with its sampling; engine `imported` takes the rollouts imported for a benchmark."""

    name: Slug


class MetricPart(Part):
    """One metric of docs/metrics.md with its options."""

    metric: Text
    ks: tuple[int, ...] = ()
    tau: Share = 0.5
    budgets: tuple[int, ...] = ()
    score: str | None = None
    aggregator: str | None = None
    by: tuple[Text, ...] = ()
    of: Literal["population", "these problems"] = "population"


class EvaluationRecipe(Part):
    """A whole evaluation: every benchmark asked of every model, `samples` completions of each problem."""

    evaluation_schema: SchemaOne
    name: Slug
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    samples: int = Field(default=8, ge=1, le=MOST_SAMPLES, strict=True)
    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)
    models: tuple[EvaluatedModel, ...] = Field(min_length=1)
    metrics: tuple[MetricPart, ...] = Field(default=(MetricPart(metric="pass@k"),), min_length=1)

    @model_validator(mode="after")
    def _names_once(self) -> "EvaluationRecipe":
        for kind, parts in (("benchmarks", self.benchmarks), ("models", self.models)):
            names = [part.name for part in parts]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"two {kind} are named {twice!r}")
        return self


@dataclass(frozen=True, slots=True)
class LoadedEvaluationRecipe:
    """An evaluation whose names and options all exist: a recipe per cell, benchmark by benchmark."""

    recipe: EvaluationRecipe
    cells: tuple[LoadedRecipe, ...]

    def cell(self, name: str) -> LoadedRecipe:
        """The cell whose run has this name; SetupError where the file no longer has it."""
        cells = {cell.recipe.name: cell for cell in self.cells}
        if name not in cells:
            raise unknown_name("cell of the evaluation", name, cells)
        return cells[name]


def load_evaluation(path: Path, *, sets: Sequence[str] = ()) -> LoadedEvaluationRecipe:
    """The evaluation of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    from pipelines.metrics.registry import METRICS

    recipe = parse(path, EvaluationRecipe, {}, sets=sets, folder="recipes/evaluations")
    for part in recipe.metrics:
        if part.metric not in METRICS:
            raise unknown_name("metric", part.metric, METRICS)
    try:
        return LoadedEvaluationRecipe(recipe, tuple(_cells(recipe, path.parent)))
    except SetupError as error:
        raise SetupError(f"{path}: {error.message}", choices=error.choices, next_command=error.next_command) from None


def _cells(recipe: EvaluationRecipe, base: Path) -> Iterator[LoadedRecipe]:
    for benchmark in recipe.benchmarks:
        for model in recipe.models:
            yield replace(
                resolve_recipe(Recipe.model_validate(_cell(recipe, benchmark, model)), base=base),
                cell=Cell(recipe.name, benchmark.name, model.name),
            )


def _cell(recipe: EvaluationRecipe, benchmark: Benchmark, model: EvaluatedModel) -> dict[str, Any]:
    """The recipe of a cell, as it could stand in a file."""
    generate = model.model_dump(mode="json", exclude={"name"}, exclude_unset=True)
    for key in ("prompt_template", "examples"):
        if key not in model.model_fields_set and key in benchmark.model_fields_set and model.engine != IMPORTED:
            generate[key] = benchmark.model_dump(mode="json")[key]
    name = f"{recipe.name}.{benchmark.name}.{model.name}"
    if len(name) > 63:
        raise SetupError(f"{name!r} is too long for a run: 63 letters at most.", next_command="shorten one of its names")
    return {
        "recipe_schema": 1,
        "name": name,
        "seed": recipe.seed,
        "problems": benchmark.problems(),
        "generate": generate,
        "verify": [part.model_dump(mode="json") for part in benchmark.verify],
        **({} if benchmark.accept is None else {"accept": benchmark.accept.model_dump(mode="json", exclude_none=True)}),
        "budget": {"method": "fixed", "options": {"initial": benchmark.samples or recipe.samples}},
    }
