"""The recipe of a training: everything that can change the model, as a checked value with its methods loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.parse import naming, parse
from rollmill.flows.recipe.schema import Method, Part, SchemaOne, Slug, Text
from rollmill.flows.training.training_reward import TrainingReward, check_reward
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.pipelines.train.roles import MeasuresHeldOut

if TYPE_CHECKING:
    from rollmill.pipelines.train.roles import Loss

FOLDER = "recipes/training"
ALL = "all"
RUN = "run "
"""Beginning of a reference to a run, which no name of a dataset has."""
LENGTHS = ("loss_tokens", "steps", "epochs")
"""Options of a learner that say how long it trains; of the three one is above 0."""
# `strict` keeps 1 and 1.0 apart: one row, and all rows.
Take = Literal["all"] | Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0.0, le=1.0, strict=True)]


class TrainingData(Part):
    """The rows of a training: dataset versions and finished runs in an export format."""

    versions: dict[Text, Take] = Field(min_length=1)
    """Dataset versions and runs (`run NAME-OR-ID`), each with `all`, a number of rows, or its share of all rows (shares add
    up to 1). `run: ID` instead of `versions` takes all that one run kept."""
    format: Text | None = None
    """Export format; none: the first that the loss reads."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the export format."""

    @model_validator(mode="before")
    @classmethod
    def _one_run(cls, keys: Any) -> Any:
        if not isinstance(keys, Mapping) or "run" not in keys:
            return keys
        if "versions" in keys:
            raise ValueError("give versions or run; `versions: {run ID: 0.5, NAME@v1: 0.5}` names both")
        if not isinstance(keys["run"], str) or not keys["run"].strip():
            raise ValueError("run is the id of a run, or the name of the dataset that runs make")
        rest = {key: value for key, value in keys.items() if key != "run"}
        return {**rest, "versions": {f"{RUN}{keys['run'].strip()}": ALL}}

    @field_validator("versions")
    @classmethod
    def _shares(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        shares = [value for value in given.values() if isinstance(value, float)]
        # Beside counts a share would be of a whole that nobody knows.
        if shares and (len(shares) < len(given) or abs(sum(shares) - 1) > 1e-9):
            raise ValueError("shares are given for every version, and add up to 1")
        return given


class TrainingRecipe(Part):
    """A training: data, initial model, learner, loss, order and seed."""

    train_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the model that it makes a version of."""
    data: TrainingData
    """Rows to train on."""
    init: Text = "models/rollmill-tiny"
    """Folder of the initial model, or a version of a model: `models/student@v1`."""
    learner: Method
    """Trainer with its options."""
    loss: Method = Method(method="sft")
    """Objective with its options."""
    reward: TrainingReward | None = None
    """Verifiers that judge the completions of a loss that draws them, grpo or rloo."""
    order: Method = Method(method="shuffled")
    """Order of the rows with its options."""
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    """Seed of the order, and of everything random in the learner."""
    holdout: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Least share of the rows, by whole templates or problems, that is not trained on and whose loss is measured before and
    after; none: every row is trained on."""


@dataclass(frozen=True, slots=True)
class LoadedTraining:
    """A recipe of a training whose names and options all exist."""

    recipe: TrainingRecipe
    base: Path
    learner: MethodSpec
    loss: MethodSpec
    order: MethodSpec

    @property
    def format(self) -> str:
        """The export format of its rows."""
        built: Loss = self.loss.build()
        return self.recipe.data.format or built.formats[0]

    def canonical(self) -> dict[str, Any]:
        """The recipe as plain JSON with every default written out."""
        data = self.recipe.model_dump(mode="json")
        data["data"]["format"] = self.format
        # Absent rather than null, so that recipes without it keep their ids.
        if data["holdout"] is None:
            del data["holdout"]
        methods = {"learner": self.learner, "loss": self.loss, "order": self.order}
        reward = data.pop("reward")
        rewarded = (
            # The source may be another recipe's file: its content decides the model, and not its path alone.
            {} if self.recipe.reward is None else {"reward": {**reward, "judged_by": self._judges(self.recipe.reward)}}
        )
        return {**data, **{name: method.canonical() for name, method in methods.items()}, **rewarded}

    def _judges(self, reward: TrainingReward) -> Any:
        return reward.source_in(self.base).canonical()

    @property
    def recipe_hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256_text(canonical_json(self.canonical()))


def load_training(path: Path, *, sets: Sequence[str] = ()) -> LoadedTraining:
    """The training recipe of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    recipe = parse(path, TrainingRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        return resolve_training(recipe, path.parent)


def resolve_training(recipe: TrainingRecipe, base: Path) -> LoadedTraining:
    """The recipe with its methods found and their options checked; files are looked for in `base`."""
    methods = {
        role: resolve(role, part.method, part.options, base=base)
        for role, part in (("learner", recipe.learner), ("loss", recipe.loss), ("order", recipe.order))
    }
    loaded = LoadedTraining(recipe, base, methods["learner"], methods["loss"], methods["order"])
    # Building checks the values of options, which the signatures alone do not.
    loss, learner = loaded.loss.build(), loaded.learner.build()
    loaded.order.build()
    # A user's loss may name a format that no exporter writes.
    if loaded.format not in loss.formats or not loaded.loss.own:
        _check_format(loaded.format, loss)
    if learner.losses is not None and loss.name not in learner.losses:
        raise SetupError(f"the learner {learner.name!r} does not have the loss {loss.name!r}.", choices=learner.losses)
    check_reward(recipe.reward, loss, learner)
    if recipe.holdout is not None and not isinstance(learner, MeasuresHeldOut):
        raise SetupError(
            f"holdout: the learner {learner.name!r} measures no held-out rows.", next_command="learner: {method: tiny}"
        )
    return loaded


def _check_format(name: str, loss: "Loss") -> None:
    """SetupError for a format that no exporter writes, or that the loss does not read."""
    from rollmill.storage.exports import EXPORTS

    if name not in EXPORTS:
        raise unknown_name("export format", name, loss.formats)
    if name not in loss.formats:
        raise SetupError(f"the loss {loss.name!r} does not read the format {name!r}.", choices=loss.formats)
