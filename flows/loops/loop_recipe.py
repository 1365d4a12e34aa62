"""The recipe of a loop: what is drawn, trained and evaluated in each round, and when it stops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from flows.recipe.evaluations import EvaluationRecipe, LoadedEvaluationRecipe, load_evaluation
from flows.recipe.load import LoadedRecipe, load_recipe
from flows.recipe.parse import naming, parse
from flows.recipe.schema import Part, SchemaOne, Slug, Text
from flows.training.training_recipe import LoadedTraining, TrainingRecipe, load_training, resolve_training
from flows.trials.trial_recipe import json_sets
from storage.ground.errors import SetupError
from storage.models.index import MODELS

FOLDER = "recipes/loops"


class RoundCurate(Part):
    """The dataset recipe of every round; its model is the round's."""

    recipe: Text
    """Recipe of the dataset."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of it with other values, `problems.count: 96` for one."""


class RoundData(Part):
    """The rows on which the model of a round is trained."""

    own: Literal["round", "cumulative"] = "round"
    """Rows of this round, or of all rounds so far."""
    real: dict[Text, Literal["all"] | Annotated[int, Field(ge=1, strict=True)]] = Field(default_factory=dict)
    """Dataset versions that no model of the loop made, each with `all` or a number of rows: real data in every round."""


class RoundTrain(Part):
    """The training of every round."""

    recipe: Text
    """Training recipe; its initial model is the model of round 0."""
    init: Literal["base", "previous"] = "base"
    """Train from the model of round 0 (STaR, ReST-EM) or from the round's own (expert iteration)."""


class RoundEvaluation(Part):
    """The evaluation after every round, on problems that are never trained on."""

    recipe: Text
    """Evaluation recipe; the first of its models says how models are sampled."""
    samples: int | None = Field(default=None, ge=1, le=10_000, strict=True)
    """Completions of each problem; none: the evaluation's number."""


class LoopStop(Part):
    """Reasons to stop before the last round."""

    collapse: int | None = Field(default=2, ge=1, strict=True)
    """Rounds in a row in which pass@k fell while pass@1 did not; none: go on."""
    gain: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Least gain in pass@1 over the round before; none: go on."""


class LoopRecipe(Part):
    """A loop of rounds."""

    loop_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the loop, of its dataset and of its model."""
    rounds: int = Field(default=3, ge=1, le=100, strict=True)
    """Rounds of drawing, training and evaluating."""
    curate: RoundCurate
    """What is drawn and kept."""
    data: RoundData = RoundData()
    """What a round's model is trained on."""
    train: RoundTrain
    """How it is trained."""
    evaluate: RoundEvaluation
    """How it is measured."""
    stop: LoopStop = LoopStop()
    """When the loop ends early."""
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Chance of a false alarm over all rounds."""


@dataclass(frozen=True, slots=True)
class LoadedLoop:
    """A loop whose files are read. `frozen`: the control, in which every round draws from the model of round 0."""

    recipe: LoopRecipe
    curate_path: Path
    training: LoadedTraining
    evaluation: LoadedEvaluationRecipe
    frozen: bool = False

    @property
    def name(self) -> str:
        """Name of its dataset and its model; the control has one of its own."""
        return f"{self.recipe.name}-frozen" if self.frozen else self.recipe.name

    @property
    def base_model(self) -> str:
        """The model of round 0."""
        return self.training.recipe.init

    @property
    def samples(self) -> int:
        """Completions of each problem in the evaluation."""
        return self.recipe.evaluate.samples or self.evaluation.recipe.samples

    def curate_sets(self, number: int, model: str) -> tuple[str, ...]:
        """Overrides of the dataset recipe in a round. Every round draws anew, also where the model is the same."""
        own = {"name": self.name, "generate.model": model, "generate.redraw": number}
        return json_sets({**self.recipe.curate.set, **own})

    def curate_of(self, number: int, model: str) -> LoadedRecipe:
        """The dataset recipe of a round, checked."""
        return load_recipe(self.curate_path, sets=self.curate_sets(number, model))

    def training_of(self, number: int, model: str, versions: Sequence[str]) -> LoadedTraining:
        """The training of a round: its data, its initial model, its seed. `versions`: of the rounds so far."""
        own = versions if self.recipe.data.own == "cumulative" else versions[-1:]
        taken: dict[str, Any] = {**dict.fromkeys(own, "all"), **self.recipe.data.real}
        recipe = self.training.recipe
        data = recipe.model_dump(mode="json") | {
            "name": self.name,
            "init": self.base_model if self.recipe.train.init == "base" else model,
            "seed": recipe.seed + number,
            "data": {**recipe.data.model_dump(mode="json"), "versions": taken},
        }
        return resolve_training(TrainingRecipe.model_validate(data), self.training.base)

    def evaluation_of(self, models: Mapping[str, str]) -> EvaluationRecipe:
        """The evaluation of these models: name of the row to the model."""
        recipe = self.evaluation.recipe
        rows = tuple(recipe.models[0].model_copy(update={"name": row, "model": model}) for row, model in models.items())
        benchmarks = tuple(part.model_copy(update={"samples": None}) for part in recipe.benchmarks)
        update = {"name": self.name, "samples": self.samples, "models": rows, "benchmarks": benchmarks, "alert": None}
        return recipe.model_copy(update=update)


def load_loop(path: Path, *, sets: Sequence[str] = (), frozen: bool = False) -> LoadedLoop:
    """The loop of a file after `--set` overrides; SetupError in one line for any mistake in it or in what it names."""
    recipe = parse(path, LoopRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        places = [path.parent / name for name in (recipe.curate.recipe, recipe.train.recipe, recipe.evaluate.recipe)]
        for place in places:
            if not place.is_file():
                raise SetupError(f"no file {place}.", next_command=f"ls {place.parent}")
        loaded = LoadedLoop(recipe, places[0], load_training(places[1]), load_evaluation(places[2]), frozen)
        loaded.curate_of(0, loaded.base_model)
        return loaded


def model_reference(version: str) -> str:
    """A model version as recipes name it."""
    return f"{MODELS}/{version}"
