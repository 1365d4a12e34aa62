"""Trainings of models: progress, state and loss by step, also during training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from rollmill.storage.models.index import resolve_model
from rollmill.storage.queries.reader import Reader
from rollmill.storage.trainings import STEPS, StoredTraining, read_steps, training_folder

MOST_POINTS = 600
"""Points of a loss curve; of a longer training each is the mean of several reports."""
BAD_ENDS = ("failed", "interrupted", "killed")


@dataclass(frozen=True, slots=True)
class TrainingLine:
    """A training. `model`: the name of the model of which it makes a version.

    `status`: running, done, failed, interrupted or killed. `error`: why it ended without a version. `version`: the one that
    it made. `command`: the command that resumes it, None if another job does.
    """

    id: str
    model: str
    status: str
    started: datetime
    step: int
    share: float
    loss: float | None
    tokens: int
    seconds: float
    error: str
    version: str | None
    command: str | None

    @property
    def rate(self) -> float | None:
        """Trained tokens a second; None before the first report."""
        return self.tokens / self.seconds if self.seconds and self.tokens else None

    @property
    def left(self) -> float | None:
        """Seconds until its end at its speed so far; None if that is not known."""
        return self.seconds * (1 - self.share) / self.share if self.share and self.status == "running" else None


@dataclass(frozen=True, slots=True)
class LossPoint:
    """Loss of a training at a step, with the trained tokens until then."""

    step: int
    loss: float
    tokens: int


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The losses of a training in order. `reports`: how many the learner gave; `broken`: the step of the first loss that is
    not a finite number, None without one.
    """

    points: tuple[LossPoint, ...]
    reports: int = 0
    broken: int | None = None


def training_lines(reader: Reader) -> list[TrainingLine]:
    """Every training in the ledger, the newest first. One without a live process is `killed`."""
    return [_line(training) for training in reader.trainings.as_they_are()]


def training_of_process(reader: Reader, pid: int) -> str | None:
    """The training that a process of this host works on; None while it works on none."""
    return reader.trainings.of_process(pid)


def unfinished_trainings(lines: Sequence[TrainingLine]) -> list[TrainingLine]:
    """The newest trainings of their models that ended badly."""
    # The newest come first, so in reverse the newest training of a model is set last.
    newest = {line.model: line for line in reversed(lines)}
    return [line for line in lines if line is newest[line.model] and line.status in BAD_ENDS]


def training_curve(reader: Reader, training: str) -> LossCurve:
    """The loss of a training that is under way, or that ended without a model."""
    return _curve(read_steps(training_folder(reader.state_folder, training) / STEPS))


def version_curve(reader: Reader, reference: str) -> LossCurve:
    """The loss of the training that made a version; no point where its files are not in this clone, or hold none."""
    return _curve(read_steps(resolve_model(reader.models, reference).path / STEPS))


def _line(training: StoredTraining) -> TrainingLine:
    # The summary is written at the end, and the last report of progress is from before.
    told = {**training.progress, **{key: training.summary[key] for key in ("tokens", "seconds") if key in training.summary}}
    loss = told.get("loss")
    version = training.summary.get("version")
    return TrainingLine(
        id=training.id,
        model=training.name,
        status=training.status,
        started=training.started_at,
        step=int(training.summary.get("steps", told.get("step", 0))),
        share=1.0 if training.status == "done" else min(1.0, float(told.get("share", 0.0))),
        loss=None if loss is None else float(loss),
        tokens=int(told.get("tokens", 0)),
        seconds=float(told.get("seconds", 0.0)),
        error=str(training.summary.get("error", "")),
        version=None if version is None else str(version),
        command=training.command,
    )


def _curve(reports: Sequence[dict[str, Any]]) -> LossCurve:
    points = [LossPoint(int(row["step"]), float(row["loss"]), int(row["tokens"])) for row in reports]
    # One NaN would make the mean of its whole part NaN.
    finite = [point for point in points if math.isfinite(point.loss)]
    broken = next((point.step for point in points if not math.isfinite(point.loss)), None)
    # Rounded up, for at most MOST_POINTS parts; range() below takes no step of 0.
    size = -(-len(finite) // MOST_POINTS) if finite else 1
    parts = [finite[at : at + size] for at in range(0, len(finite), size)]
    means = (LossPoint(part[-1].step, fmean(point.loss for point in part), part[-1].tokens) for part in parts)
    return LossCurve(tuple(means), len(points), broken)
