"""Input and result of a measure: the models of a study, their answers, and effects with intervals."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_line, write_text
from rollmill.pipelines.train.learners.tiny import Tiny
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders.arrangements import Shuffled
from rollmill.pipelines.train.roles import LearnerReport, Loss, Order, TrainingTask
from rollmill.stats import ArmCounts, Estimate, cluster_mean
from rollmill.stats.trials.two_way import Clusters

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class StudyModel:
    """A model of a study. `folder`: its folder. `rows`: file of the rows that it was trained on; None if it is not trained
    here.
    """

    folder: Path
    rows: Path | None = None


@dataclass(frozen=True, slots=True)
class StudyAnswers:
    """Counts of judged and correct completions of each arm, (seeds, problems), over the same problems. `clusters`: template
    of each problem.
    """

    arms: Mapping[str, ArmCounts]
    clusters: Clusters | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a measure. `effects`: estimate of each effect, by the name under which a recipe predicts it. `table`: the
    numbers from which they are computed.
    """

    effects: Mapping[str, Estimate]
    table: Mapping[str, Estimate] = field(default_factory=dict)


def _no_answers() -> StudyAnswers:
    raise SetupError("this measure reads the answers of trained models.", next_command="give the study a trial")


def _ignored(report: LearnerReport) -> None:
    del report


@dataclass(frozen=True, slots=True)
class Bench:
    """Resources of a measure. `models`: the models of each arm, one for each seed. `answers`: function that draws the
    completions of all models, once. `report`: takes the progress of trainings.

    `folder`: folder that outlives a kill; results and trainings that are kept in it are not made again.
    """

    folder: Path
    seed: int = 0
    models: Mapping[str, Sequence[StudyModel]] = field(default_factory=dict)
    answers: Callable[[], StudyAnswers] = _no_answers
    report: Callable[[LearnerReport], None] = _ignored

    def one_model(self) -> StudyModel:
        """The first model of the study, for a measure that needs only one; SetupError if there is none."""
        models = [model for arm in self.models.values() for model in arm]
        if not models:
            raise SetupError("this measure begins with a model.", next_command="models: {init: models/rollmill-tiny}")
        return models[0]

    def seeded(self, seed: int) -> "Bench":
        """The bench with another seed: that of the study plus this."""
        return replace(self, seed=self.seed + seed)

    def kept(self, key: str, make: Callable[[], Any]) -> Any:
        """A value of JSON, made once."""
        path = self.folder / f"{key}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        value = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(value))
        return value

    def trained(
        self, key: str, rows: Rows, init: Path, learner: Tiny, *, loss: Loss | None = None, order: Order | None = None
    ) -> Path:
        """The folder of a model trained on these rows from `init`, once; a killed training resumes."""
        place = self.folder / key
        out, done = place / "model", place / "trained"
        if not done.is_file():
            place.mkdir(parents=True, exist_ok=True)
            write_text(place / "rows.jsonl", "".join(json_line(dict(row)) for row in rows))
            task = TrainingTask(
                rows=place / "rows.jsonl", init=init, out=out, state=place / "state", loss=loss or LOSSES["sft"](),
                order=order or Shuffled(), seed=self.seed,
            )  # fmt: skip
            learner.train(task, self.report)
            write_text(done, "")
        return out


class ModelMeasure(Protocol):
    """A measure of what a paper claims."""

    name: str
    version: str

    def measure(self, bench: Bench) -> Measured:
        """Every effect that it knows, with its interval."""


def over_seeds(values: Sequence[float] | npt.NDArray[np.float64], what: str) -> Estimate:
    """Mean of a value for each training, with Student's interval over trainings."""
    estimate = cluster_mean([float(value) for value in values], estimand=f"mean {what} over trainings")
    assert estimate is not None  # there are values
    return estimate


def pairs_of(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Every later arm with every earlier one, as (earlier, later)."""
    return [(early, late) for place, late in enumerate(arms) for early in arms[:place]]
