"""Roles of a training: learner, loss and order, and the data that pass between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

PEAK_MEMORY = "peak memory in MiB"
"""Key in the record of a training: of its process, or of the accelerator where one was used."""
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Token sequences of some rows, padded to the right, and the places whose next token is trained.

    `ids`: (sequences, length). `places`: (n,), flat indices into `ids`, ascending; `targets`: (n,), the token that follows
    each. `sequence`: (n,), the sequence of each place. For each sequence: `row` and `group`, numbered from 0 within the
    batch; `side`, 1 for a text to learn and -1 for a rejected one; `weight`, the row's.

    `chance`: where a teacher's likeliest tokens are the targets, (n,), the probability of each; a place is then there once
    for each of its targets.
    """

    ids: Ints
    places: Ints
    targets: Ints
    sequence: Ints
    row: Ints
    group: Ints
    side: Ints
    weight: Doubles
    chance: Doubles | None = None

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.row)

    @property
    def tokens(self) -> int:
        """Number of trained tokens: places, however many targets they have."""
        return len(self.places) if self.chance is None else len(np.unique(self.places))


class Loss(Protocol):
    """An objective over the log-probabilities of trained tokens.

    `formats`: export formats whose rows it reads. `column`: the rows' column of weights; None: all weigh 1. `grouped`: the
    rows of a problem stay in one batch. `uses_reference`: it also reads the log-probabilities under the initial model.
    """

    name: str
    version: str
    formats: Sequence[str]
    column: str | None
    grouped: bool
    uses_reference: bool

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """The scalar loss of a batch. `logps`, `reference`: tensors (n,), the log-probability of each target."""


@dataclass(frozen=True, slots=True)
class TrainingUnits:
    """The units of which batches are made: rows, or problems with all of their rows. `columns`: those of each first row."""

    count: int
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@runtime_checkable
class DrawsCompletions(Protocol):
    """A loss over completions that the trainer draws from prompts, and that a reward judges.

    `generations`: number of completions drawn from each prompt. `max_tokens`: most tokens of a completion. `temperature`:
    sampling temperature of the completions. `beta`: weight of the divergence from the initial model. `redraws`: times that
    prompts whose completions all have one reward are replaced.
    """

    name: str
    generations: int
    max_tokens: int
    temperature: float
    beta: float
    redraws: int


@runtime_checkable
class MatchesTeacher(Protocol):
    """A loss over the likeliest tokens of a teacher, which its rows hold, in place of the tokens of the text."""

    name: str
    matches_teacher: bool


class Order(Protocol):
    """Order in which a training sees its units: a pure function of the units, the seed and the epoch."""

    name: str
    version: str

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """The units of an epoch, by number; some may be absent or repeated."""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """Input of a learner. `rows`: JSON lines of an export format. `init`: folder of the initial model. `out`: the folder
    that it creates for the trained model. `state`: folder of its checkpoints, which outlives a kill. `reward`: address of
    the service that judges completions (`/v1/judge`, `/openrlhf`); None for a loss that draws none. `held_out`: rows that
    are not trained on, whose loss the learner measures; None: no such rows.
    """

    rows: Path
    init: Path
    out: Path
    state: Path
    loss: Loss
    order: Order
    seed: int
    reward: str | None = None
    held_out: Path | None = None


@dataclass(frozen=True, slots=True)
class LearnerReport:
    """Progress of a training. `share`: the part that is done, 0 to 1. `loss`: mean since the report before. `tokens`:
    trained tokens so far. `measures`: further numbers of the learner's own.
    """

    step: int
    share: float
    loss: float
    tokens: int
    seconds: float
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training: its length in optimiser steps, trained tokens, epochs and seconds; `record` is for people."""

    steps: int
    tokens: int
    epochs: float
    seconds: float
    record: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Learner(Protocol):
    """A trainer of models. `losses`: names of the losses that it can train with; None: any."""

    name: str
    version: str
    losses: Sequence[str] | None

    def train(self, task: TrainingTask, report: Callable[[LearnerReport], None]) -> Trained:
        """Train, or resume from `task.state`, and write the model folder `task.out`.

        Its files are those of Hugging Face: config.json, tokenizer files and weights; also `order.parquet`, the rows of
        each step.
        """


@runtime_checkable
class RatesTexts(Protocol):
    """A loss of a model that gives a text a number and draws none."""

    name: str
    rates_texts: bool


@runtime_checkable
class TrainsOtherModels(Protocol):
    """A learner with losses beyond the log-probabilities of rows: over its own completions, for whose rewards it asks
    `TrainingTask.reward`, and of models that rate texts.
    """

    trains_other_models: bool


@runtime_checkable
class MeasuresHeldOut(Protocol):
    """A learner that measures the loss on `TrainingTask.held_out` before and after the training, in its record."""

    measures_held_out: bool


@dataclass(frozen=True, slots=True)
class TrainingForecast:
    """Length of a training before it begins: optimiser steps and trained tokens. `at_most`: the tokens are a bound."""

    steps: int
    tokens: int
    at_most: bool = False


@runtime_checkable
class ForecastsLength(Protocol):
    """A learner that can say how long a training is."""

    def forecast(self, task: TrainingTask) -> TrainingForecast | None:
        """The length, from the rows and the initial model's tokenizer; None where that cannot be told."""
