"""The recipe of an evaluation: benchmarks, models and metrics, as a checked value, and the cells that it is made of.

A cell is one benchmark asked of one model. It is a run like any other, of a recipe with a fixed number of completions, in
the stream `evaluate`: drawn once, resumed, charged, and never mixed with the completions of a dataset.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from rollmill.flows.recipe.benchmarks import TaskSection, load_definition, merged_benchmark
from rollmill.flows.recipe.load import EvaluationCell, LoadedRecipe, resolve_recipe
from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.parse import explain, naming, parse, read_yaml
from rollmill.flows.recipe.schema import (
    Generate,
    Method,
    Part,
    Recipe,
    SchemaOne,
    Share,
    Slug,
    Text,
)
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.recipe_steps import IMPORTED

MOST_SAMPLES = 100_000
FOLDER = "recipes/evaluations"


class NoBudget(Part):
    """A section without a budget: completions drawn by outcomes, or by a search's scores, give no rate for a metric."""

    @model_validator(mode="before")
    @classmethod
    def _no_budget(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and "budget" in keys and "recipe_schema" not in keys:
            raise ValueError(
                "an evaluation takes no budget: it draws `samples` completions of each problem, fixed before any verdict. "
                "What a search or another budget draws follows from what was drawn before, so its answers have no pass "
                "rate. `rollmill curate` draws them; for elections at equal tokens give samples and `rollmill replay`"
            )
        return keys


class Benchmark(NoBudget, TaskSection):
    """Problems with their verifiers, in full or from a definition (docs/reference/benchmark-definitions.md)."""

    name: Slug = ""
    """Name of the benchmark; by default its definition's."""
    benchmark: Text | None = None
    """Definition to take absent keys from: a name, or a file."""
    samples: int | None = Field(default=None, ge=1, le=MOST_SAMPLES, strict=True)
    """Completions of each problem; none: the evaluation's number."""

    @model_validator(mode="after")
    def _named(self) -> "Benchmark":
        if not self.name and self.benchmark is None:
            raise ValueError("a benchmark needs a name, or names a definition: benchmark: gsm8k")
        return self


class EvaluatedModel(NoBudget, Generate):
    """Row of the table: a model with its sampling; engine `imported` takes the rollouts imported for a benchmark."""

    name: Slug
    """Name of the row in the table."""


class MetricPart(Part):
    """A metric of docs/reference/metrics.md with its options."""

    metric: Text
    """Name of the metric."""
    ks: tuple[Annotated[int, Field(ge=1, strict=True)], ...] = ()
    """Numbers of completions; none: powers of two."""
    tau: Share = 0.5
    """Share of correct completions that a problem needs, for metrics with a threshold."""
    budgets: tuple[int, ...] = ()
    """Token budgets; none: eighths of what every problem spent."""
    score: str | None = None
    """Name of the score that the metric reads."""
    aggregator: Text | Method | None = None
    """Aggregator that elects answers."""
    by: tuple[Text, ...] = ()
    """Columns of the problems to group by."""
    of: Literal["population", "these problems"] = "population"
    """Target of the estimates: the `population` that the problems come from, or `these problems`."""


class AlertPart(Part):
    """Test that reports a drop since the previous evaluation."""

    alpha: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Chance of any false alarm over all `looks`."""
    looks: int = Field(default=90, ge=1, le=10_000, strict=True)
    """Evaluations that the chance is for."""
    least: Share = 0.0
    """Smallest drop of the pass rate that matters."""


class EvaluationRecipe(NoBudget):
    """A whole evaluation: every benchmark asked of every model."""

    evaluation_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the evaluation."""
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    """Seed of problems and completions."""
    samples: int = Field(default=8, ge=1, le=MOST_SAMPLES, strict=True)
    """Completions of each problem."""
    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)
    """Problems with their verifiers."""
    models: tuple[EvaluatedModel, ...] = Field(min_length=1)
    """Models with their sampling."""
    metrics: tuple[MetricPart, ...] = Field(default=(MetricPart(metric="pass@k"),), min_length=1)
    """Metrics to report."""
    score: tuple[Method, ...] = ()
    """Scorers of the completions, for metrics that need scores."""
    redraw: int = Field(default=0, ge=0, lt=2**31, strict=True)
    """0 uses stored completions; N draws new completions in the stream `evaluate-N`."""
    alert: AlertPart | None = None
    """Report a drop since the evaluation before."""

    @model_validator(mode="after")
    def _names_once(self) -> "EvaluationRecipe":
        _once("benchmarks", [part.name or str(part.benchmark) for part in self.benchmarks])
        _once("models", [part.name for part in self.models])
        return self


def _once(kind: str, names: list[str]) -> None:
    # Names are parts of run names: two equal ones would share a run.
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two {kind} are named {twice!r}")


@dataclass(frozen=True, slots=True)
class LoadedEvaluationRecipe:
    """An evaluation whose names and options all exist: a recipe per cell, benchmark by benchmark."""

    recipe: EvaluationRecipe
    cells: tuple[LoadedRecipe, ...]

    @property
    def redraw(self) -> int:
        """Number of the set of completions that is drawn, 0 for the first."""
        return self.recipe.redraw

    def engines(self) -> list[MethodSpec]:
        """The engines that may draw, cell by cell; none if everything is imported."""
        return [engine for cell in self.cells for engine in cell.engines()]

    def canonical(self) -> dict[str, Any]:
        """The evaluation as plain JSON, with each cell's recipe as its run records it."""
        return {**self.recipe.model_dump(mode="json"), "cells": [cell.canonical() for cell in self.cells]}

    def cell(self, name: str) -> LoadedRecipe:
        """The cell whose run has this name; SetupError if the file no longer has it."""
        cells = {cell.recipe.name: cell for cell in self.cells}
        if name not in cells:
            raise unknown_name("cell of the evaluation", name, cells)
        return cells[name]


def is_evaluation(path: Path) -> bool:
    """True if a file is an evaluation's and no recipe's; SetupError if it cannot be read."""
    return "evaluation_schema" in read_yaml(path, "recipes")[0]


def load_evaluation(path: Path, *, sets: Sequence[str] = ()) -> LoadedEvaluationRecipe:
    """The evaluation of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    recipe = parse(path, EvaluationRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        return _loaded(recipe, path)


def _loaded(recipe: EvaluationRecipe, path: Path) -> LoadedEvaluationRecipe:
    from rollmill.metrics.registry import METRICS

    for part in recipe.metrics:
        if part.metric not in METRICS:
            raise unknown_name("metric", part.metric, METRICS)
        if isinstance(part.aggregator, str):
            resolve("aggregator", part.aggregator, {}, base=path.parent)
    try:
        # `model_copy` validates nothing, hence the second look at the names that definitions bring.
        recipe = recipe.model_copy(
            update={"benchmarks": tuple(_with_definition(part, path.parent) for part in recipe.benchmarks)}
        )
        _once("benchmarks", [part.name for part in recipe.benchmarks])
        for part in recipe.metrics:
            if isinstance(part.aggregator, Method):
                resolve("aggregator", part.aggregator.method, part.aggregator.options, base=path.parent).build()
        return LoadedEvaluationRecipe(recipe, tuple(_cells(recipe, path.parent)))
    # A ValidationError is a ValueError too, so it comes first.
    except ValidationError as error:
        raise SetupError(explain(error, Recipe, path, {})) from None
    except ValueError as error:
        raise SetupError(f"{error}.") from None


def _with_definition(part: Benchmark, base: Path) -> Benchmark:
    """The benchmark with the keys of its definition."""
    if part.benchmark is None:
        return part
    # Only what the evaluation states: its defaults would override the definition.
    given = part.model_dump(mode="json", exclude_unset=True)
    return Benchmark.model_validate(merged_benchmark(load_definition(part.benchmark, base), given))


def _cells(recipe: EvaluationRecipe, base: Path) -> Iterator[LoadedRecipe]:
    for benchmark in recipe.benchmarks:
        for model in recipe.models:
            loaded = resolve_recipe(Recipe.model_validate(_cell(recipe, benchmark, model)), base=base)
            if loaded.decoder is not None and loaded.decoder.build().weighted:
                raise SetupError(
                    f"model {model.name!r} decodes by {loaded.decoder.name!r}, whose completions count by their weights, "
                    "and metrics count completions alike.",
                    choices=("decode: {method: masked}, which is measured as it is", "no decode"),
                )
            yield replace(loaded, cell=EvaluationCell(recipe.name, benchmark.name, model.name))


def _cell(recipe: EvaluationRecipe, benchmark: Benchmark, model: EvaluatedModel) -> dict[str, Any]:
    """The recipe of a cell, as a file could hold it."""
    # Only what the model states: its defaults would override how the benchmark asks.
    generate = model.model_dump(mode="json", exclude={"name"}, exclude_unset=True)
    # Imported rollouts cannot be drawn again, and a model's own `redraw` is more particular.
    if recipe.redraw and "redraw" not in generate and model.engine != IMPORTED:
        generate["redraw"] = recipe.redraw
    if model.engine != IMPORTED:
        generate = {**benchmark.asks(without=model.model_fields_set), **generate}
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
        **({"score": [part.model_dump(mode="json") for part in recipe.score]} if recipe.score else {}),
        "budget": {"method": "fixed", "options": {"initial": benchmark.samples or recipe.samples}},
    }
