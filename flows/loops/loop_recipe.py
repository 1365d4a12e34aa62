"""The recipe of a loop: what is drawn, trained and evaluated in each round, what changes between rounds, when it stops."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rollmill.flows.recipe.schema import Method, Part, SchemaOne, Share, Slug, Text

FOLDER = "recipes/loops"
FromRound = dict[Annotated[int, Field(ge=1)], dict[str, Any]]
RealTake = Literal["all"] | Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0, lt=1, strict=True)]


class RoundCurate(Part):
    """The dataset recipe of every round; its model is the round's."""

    recipe: Text
    """Recipe of the dataset."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of it with other values, for example `problems.count: 96`."""
    from_round: FromRound = Field(default_factory=dict)
    """Keys with other values from a round on, by its number from 1. `{NAME}` in a value is the model `beside: NAME`, and
    `{dataset}` the dataset version of the round before."""
    fresh: bool = False
    """New problems in every round: its seed is the recipe's plus the number of rounds before."""


class RoundData(Part):
    """The rows on which the model of a round is trained."""

    own: Literal["round", "cumulative"] = "round"
    """Rows of this round, or of all rounds so far."""
    real: dict[Text, RealTake] = Field(default_factory=dict)
    """Dataset versions that no model of the loop made: `all`, a number of rows, or their share of all rows of a round."""
    band: tuple[Share, Share] | None = None
    """Least and largest pass rate of a problem whose rows are trained, under the round's model; none: any."""
    band_chance: float = Field(default=0.5, gt=0.0, lt=1.0)
    """Least posterior chance that the pass rate is in the band, from the problem's fixed prefix."""

    @model_validator(mode="after")
    def _own_rows_are_left(self) -> "RoundData":
        if sum(take for take in self.real.values() if isinstance(take, float)) >= 1:
            raise ValueError("the shares of real data leave nothing for the loop's own rows")
        if self.band is not None and self.band[0] > self.band[1]:
            raise ValueError(f"band: at least {self.band[0]} and at most {self.band[1]} cannot both hold")
        return self


class RoundTrain(Part):
    """The training of every round."""

    recipe: Text
    """Training recipe; its initial model is the model of round 0."""
    init: Literal["base", "previous"] = "base"
    """Train from the model of round 0 (STaR, ReST-EM) or from the round's own (expert iteration)."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of it with other values, for example `loss.method: dpo` with `data.format: pairs`."""
    from_round: FromRound = Field(default_factory=dict)
    """Keys with other values from a round on, by its number from 1."""


class BesideTrain(Part):
    """A second model, trained on the rows of all rounds so far from its recipe's initial model: a verifier, a writer."""

    recipe: Text
    """Training recipe."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of it with other values."""
    retrain: bool = True
    """Train it anew in every round; otherwise it stays what the first round made of it."""


class RoundEvaluation(Part):
    """The evaluation after every round, on problems that are never trained on."""

    recipe: Text
    """Evaluation recipe; the first of its models says how models are sampled."""
    samples: int | None = Field(default=None, ge=1, le=10_000, strict=True)
    """Completions of each problem; none: the evaluation's number."""
    pick: Method | None = None
    """Scorer by which one completion of each problem is chosen, `{NAME}` in its options the model `beside: NAME`."""


class LoopLimit(Part):
    """Amounts that end the loop once they are spent."""

    drawn_tokens: int | None = Field(default=None, ge=1, strict=True)
    """Tokens of all completions that the rounds drew."""
    trained_tokens: int | None = Field(default=None, ge=1, strict=True)
    """Tokens of all trainings of the rounds."""


class LoopStop(Part):
    """Reasons to stop before the last round."""

    collapse: int | None = Field(default=2, ge=1, strict=True)
    """Rounds in a row in which pass@k or distinct solutions fell while pass@1 did not; none: go on."""
    gain: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Least gain in pass@1 over the round before; none: go on."""
    least_yield: float | None = Field(default=None, ge=0.0, le=1.0)
    """Least share of a round's drawn tokens that is kept; none: go on."""
    precision: float | None = Field(default=None, gt=0.0, le=1.0)
    """Precision of kept rows that the interval by the verifiers of `audit` must reach; none: go on."""
    limit: LoopLimit = LoopLimit()
    """Limits of spending."""


class LoopRecipe(Part):
    """A loop of rounds."""

    loop_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the loop, of its dataset and of its model."""
    rounds: int = Field(default=3, ge=1, le=100, strict=True)
    """Rounds of drawing, training and evaluating."""
    curate: RoundCurate
    """Recipe of the rollouts that are drawn and kept."""
    data: RoundData = RoundData()
    """Data that the model of a round is trained on."""
    train: RoundTrain
    """Training recipe of each round."""
    beside: dict[Slug, BesideTrain] = Field(default_factory=dict)
    """Second models by name; their versions are called LOOP-NAME."""
    policies: tuple[Method, ...] = ()
    """Round policies: what changes between rounds."""
    evaluate: RoundEvaluation
    """Evaluation of each round's model."""
    audit: tuple[Method, ...] = ()
    """Verifiers that judge the kept rows again, and that no selection saw."""
    stop: LoopStop = LoopStop()
    """Conditions that end the loop early."""
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Chance of a false alarm over all rounds."""

    @model_validator(mode="after")
    def _precision_is_of_an_audit(self) -> "LoopRecipe":
        if self.stop.precision is not None and not self.audit:
            raise ValueError("stop.precision needs a verifier in audit")
        return self
