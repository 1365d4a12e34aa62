"""A loop whose files are read, and the recipes of each of its rounds."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rollmill.flows.loops.loop_recipe import FOLDER, BesideTrain, FromRound, LoopRecipe, RoundTrain
from rollmill.flows.recipe.evaluations import EvaluationRecipe, LoadedEvaluationRecipe, MetricPart, load_evaluation
from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.parse import explain, naming, override, parse
from rollmill.flows.recipe.schema import Method
from rollmill.flows.training.training_recipe import LoadedTraining, TrainingRecipe, load_training, resolve_training
from rollmill.flows.trials.trial_recipe import json_sets
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.train.between.roles import RoundKeys
from rollmill.storage.models.index import MODELS

DATASET = "dataset"
"""The name in braces that stands for the dataset version of the round before."""
NOTHING = RoundKeys()


@dataclass(frozen=True, slots=True)
class RoundState:
    """State at the beginning of a round. `number`: number of the round, from 0. `model`: model that draws. `versions`:
    dataset versions made so far. `beside`: the second models, by name. `keys`: recipe keys that the round policies change.
    """

    number: int
    model: str
    versions: Sequence[str] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    keys: RoundKeys = NOTHING

    @property
    def names(self) -> Mapping[str, str]:
        """Values of the names that a loop's files have in braces, such as {dataset}."""
        return {**self.beside, **({DATASET: self.versions[-1]} if self.versions else {})}


@dataclass(frozen=True, slots=True)
class LoadedLoop:
    """A loop whose files are read. `frozen`: the control, in which every round draws from the model of round 0."""

    recipe: LoopRecipe
    curate_path: Path
    training: LoadedTraining
    evaluation: LoadedEvaluationRecipe
    beside: Mapping[str, LoadedTraining] = field(default_factory=dict)
    policies: Sequence[MethodSpec] = ()
    audit: Sequence[MethodSpec] = ()
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

    def first(self) -> RoundState:
        """The state before the first round."""
        return RoundState(0, self.base_model, beside={name: part.recipe.init for name, part in self.beside.items()})

    def curate_sets(self, state: RoundState) -> tuple[str, ...]:
        """Overrides of the dataset recipe in a round. Every round draws anew, also where the model is the same."""
        curate = self.recipe.curate
        own: dict[str, Any] = {"name": self.name, "generate.model": state.model, "generate.redraw": state.number}
        if curate.fresh:
            own["seed"] = load_recipe(self.curate_path, sets=json_sets(curate.set)).recipe.seed + state.number
        keys = {**curate.set, **from_round(curate.from_round, state.number), **state.keys.curate}
        # The loop's own keys come last: a round policy may not rename the dataset or choose the model.
        return json_sets({**_named(keys, state.names), **own})

    def curate_of(self, state: RoundState) -> LoadedRecipe:
        """The dataset recipe of a round, checked."""
        return load_recipe(self.curate_path, sets=self.curate_sets(state))

    def training_of(self, state: RoundState, real: Mapping[str, Any] | None = None) -> LoadedTraining:
        """The training of a round: its data, its initial model, its seed. `real`: what is taken of real data, by default as
        the recipe says, and all where it says a share.
        """
        train = self.recipe.train
        own = state.versions if self.recipe.data.own == "cumulative" else state.versions[-1:]
        # A share is of the rows that band and policies leave, so `round_rows` turns it into a number first.
        stated = {name: "all" if isinstance(take, float) else take for name, take in self.recipe.data.real.items()}
        taken = {**dict.fromkeys(own, "all"), **(stated if real is None else real)}
        init = self.base_model if train.init == "base" else state.model
        keys = {**train.set, **from_round(train.from_round, state.number), **state.keys.train}
        return _trained_as(self.training, self.name, keys, init, state.number, taken)

    def beside_of(self, name: str, state: RoundState) -> LoadedTraining:
        """The training of a second model on the rows of all rounds so far."""
        loaded, part = self.beside[name], self.recipe.beside[name]
        taken = dict.fromkeys(state.versions, "all")
        return _trained_as(loaded, f"{self.name}-{name}", part.set, loaded.recipe.init, state.number, taken)

    def kept_of(self, version: str) -> LoadedTraining:
        """A training recipe on the kept rows of one version. It is used to read these rows, not to train."""
        keys = {"loss": {"method": "sft"}, "data.format": "prompt_completion", "data.options": {}}
        return _trained_as(self.training, self.name, keys, self.base_model, 0, {version: "all"})

    def evaluation_of(self, models: Mapping[str, str]) -> EvaluationRecipe:
        """The evaluation of these models: name of the row to the model."""
        recipe = self.evaluation.recipe
        rows = tuple(recipe.models[0].model_copy(update={"name": row, "model": model}) for row, model in models.items())
        benchmarks = tuple(part.model_copy(update={"samples": None}) for part in recipe.benchmarks)
        update = {"name": self.name, "samples": self.samples, "models": rows, "benchmarks": benchmarks, "alert": None}
        return recipe.model_copy(update=update)

    def picks_of(self, row: str, model: str, beside: Mapping[str, str]) -> EvaluationRecipe:
        """The evaluation of one model with the scorer that chooses completions: the same completions, scored."""
        pick = self.recipe.evaluate.pick
        assert pick is not None
        scorer = Method(method=pick.method, options=_named(pick.options, beside))
        ks = tuple(sorted({1, self.samples}))
        metrics = (
            MetricPart(metric="selected@k", ks=ks, score=pick.method),
            MetricPart(metric="maj@k", ks=ks),
        )
        update = {"name": f"{self.name}-picked-{row}", "score": (scorer,), "metrics": metrics}
        return self.evaluation_of({row: model}).model_copy(update=update)


def from_round(keys: FromRound, number: int) -> dict[str, Any]:
    """The keys that hold in a round, counted from 0: later entries over earlier ones."""
    # Recipes count rounds from 1 and the code from 0.
    return {key: value for first in sorted(keys) if first <= number + 1 for key, value in keys[first].items()}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """A value of a recipe with what the names in braces stand for; other braces stay."""
    if isinstance(value, Mapping):
        return {key: _named(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item, names) for item in value]
    if isinstance(value, str):
        for name, reference in names.items():
            # Not str.format: templates in recipes have braces of their own, such as {prompt}.
            value = value.replace(f"{{{name}}}", reference)
    return value


def _trained_as(
    loaded: LoadedTraining, name: str, keys: Mapping[str, Any], init: str, number: int, taken: Mapping[str, Any]
) -> LoadedTraining:
    """A training recipe with other keys, and the name, initial model, seed and data of a round."""
    data: dict[str, Any] = deepcopy(loaded.recipe.model_dump(mode="json"))
    # Before the first round there is no version; the name of the one to come lets the recipe be checked.
    data["data"]["versions"] = dict(taken) or {name: "all"}
    # As `--set` does it: a dotted key changes one value of a section.
    for text in json_sets(keys):
        override(data, text)
    data |= {"name": name, "init": init, "seed": data["seed"] + number}
    try:
        return resolve_training(TrainingRecipe.model_validate(data), loaded.base)
    except ValidationError as error:
        raise SetupError(explain(error, TrainingRecipe, loaded.base, {})) from None


def load_loop(path: Path, *, sets: Sequence[str] = (), frozen: bool = False) -> LoadedLoop:
    """The loop of a file after `--set` overrides; SetupError in one line for any mistake in it or in what it names."""
    recipe = parse(path, LoopRecipe, {}, sets=sets, folder=FOLDER)
    base = path.parent
    with naming(path, FOLDER):
        loaded = LoadedLoop(
            recipe,
            _file(base, recipe.curate.recipe),
            _training(base, recipe.train),
            load_evaluation(_file(base, recipe.evaluate.recipe)),
            {name: _training(base, part) for name, part in recipe.beside.items()},
            [resolve("round policy", part.method, part.options, base=base) for part in recipe.policies],
            [resolve("verifier", part.method, part.options, base=base) for part in recipe.audit],
            frozen,
        )
        _check(loaded, base)
        return loaded


def _check(loaded: LoadedLoop, base: Path) -> None:
    """Every round's recipes as far as they are known before the loop runs."""
    recipe = loaded.recipe
    for part in (*loaded.policies, *loaded.audit):
        part.build()
    known = {*recipe.beside, DATASET}
    if DATASET in recipe.beside:
        raise SetupError(f"beside: {DATASET!r} is the name of the last round's dataset.", choices=("another name",))
    first = loaded.first()
    loaded.curate_of(first)
    # Between these rounds the keys do not change, so other rounds have recipes that are checked here.
    for number in {first_of - 1 for first_of in recipe.curate.from_round} - {0}:
        # Such a round names the version of the round before, which is still to come.
        loaded.curate_of(replace(first, number=number, versions=(f"{loaded.name}@v{number}",)))
    for number in {0, *(first_of - 1 for first_of in recipe.train.from_round)}:
        loaded.training_of(RoundState(number, first.model))
    for name in recipe.beside:
        loaded.beside_of(name, first)
    pick = recipe.evaluate.pick
    if pick is not None:
        # An unknown name would reach the scorer as its text in braces.
        named = [str(value)[1:-1] for value in pick.options.values() if str(value).startswith("{")]
        for name in named:
            if name not in known:
                raise unknown_name("model beside the loop", name, recipe.beside)
        resolve("scorer", pick.method, _named(pick.options, first.beside), base=base)


def _file(base: Path, name: str) -> Path:
    place = base / name
    if not place.is_file():
        raise SetupError(f"no file {place}.", next_command=f"ls {place.parent}")
    return place


def _training(base: Path, part: RoundTrain | BesideTrain) -> LoadedTraining:
    return load_training(_file(base, part.recipe))


def model_reference(version: str) -> str:
    """A model version as recipes name it."""
    return f"{MODELS}/{version}"
