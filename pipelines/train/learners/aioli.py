"""The learner `aioli`: the embedded learner, with shares of sources that move while it trains.

After Chen et al. 2024 (Aioli: A Unified Optimization Framework for Language Model Data Mixing). Every `update` steps begin
with short rounds near one source each; the drops of loss on held-out rows of every source in them estimate how the sources
help one another, and the other steps draw by shares moved towards those that help most
(`rollmill.pipelines.mix.pilots.aioli`). The short rounds are steps of the training and count as such.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.aioli import AioliSettings, AioliShares, near_one_source
from rollmill.pipelines.train.learners.tiny import Tiny, _Training, task_rows, token_logps
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.roles import LearnerReport, TokenBatch, Trained, TrainingForecast, TrainingTask
from rollmill.pipelines.train.rows import TrainingRows
from rollmill.pipelines.train.token_batches import token_batch

HISTORY = "losses.jsonl"
"""File of the losses of every source, beside the checkpoint."""


@dataclass
class Aioli(Tiny):
    """`tiny` with moved shares: a step draws `batch` rows with replacement, as many of each source as its share says.

    `by`: column of the rows that names the sources. `update`: steps from one estimation of the shares to the next.
    `sweeps`: number of short rounds near every source in one estimation; `short`: steps of a short round; `weight`: share
    of the one source in a short round. `eta`: step size of the update of the shares. `average`: weight of the newest
    estimate in a moving average, 1 for none. `held`: rows of each source that are not trained on and measure its loss.
    """

    by: str = "source"
    update: int = 40
    sweeps: int = 1
    short: int = 2
    weight: float = 0.625
    eta: float = 0.3
    average: float = 1.0
    held: int = 32
    name: str = field(init=False, default="aioli")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("update", "sweeps", "short", "held", "eta"):
            if getattr(self, name) <= 0:
                raise SetupError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if not 0 < self.average <= 1:
            raise SetupError(f"average is {self.average}; it must be above 0 and at most 1.")
        near_one_source(2, self.weight)

    def forecast(self, task: TrainingTask) -> TrainingForecast:
        """Steps, and a bound on the trained tokens: rows follow from losses. Of a length in tokens the steps are a mean."""
        model = LlamaFolder.open(task.init)
        rows = task_rows(task, model)
        tokens = [sum(len(text.trained) for text in row.texts) for row in rows.rows]
        most = self.batch * max(tokens)
        if self.loss_tokens:
            steps = -(-self.loss_tokens * len(tokens) // max(1, self.batch * sum(tokens)))
            # The last step begins below the limit, so it may pass it by one batch.
            return TrainingForecast(steps, self.loss_tokens + most, at_most=True)
        steps = self.steps or max(1, round(self.epochs * MovedBatches(rows, self, task.seed).an_epoch))
        return TrainingForecast(steps, steps * most, at_most=True)

    def train(self, task: TrainingTask, report: Callable[[LearnerReport], None]) -> Trained:
        """Train from the initial model, or from the checkpoint in `task.state`. Record: `shares` and `laws` of each update,
        see `MovedBatches`.
        """
        if task.loss.grouped:
            raise SetupError(
                f"loss {task.loss.name!r} keeps the rows of a problem together, and learner 'aioli' draws single rows.",
                next_command="loss: {method: sft}",
            )
        self.ready()
        training = _Mixed(self, task)
        training.run(report)
        done = training.finish()
        moved = {"shares": training.sources.moved(), "laws": training.sources.laws()}
        return Trained(done.steps, done.tokens, done.epochs, done.seconds, {**done.record, **moved})


class MovedBatches:
    """Batches whose rows are drawn by the shares of their step, a pure function of the losses so far.

    `losses`: loss of every source, by the number of steps done before it was measured.
    """

    def __init__(self, rows: TrainingRows, learner: Aioli, seed: int) -> None:
        if learner.by not in rows.columns:
            raise unknown_name("column of the rows", learner.by, list(rows.columns))
        self.rows, self.learner, self.seed = rows, learner, seed
        labels = [str(value) for value in rows.columns[learner.by]]
        self.names = sorted(set(labels))
        # 0, 1 and 2 give held rows, the order of rounds and the draws of steps random streams of their own.
        rng = np.random.default_rng([seed, 0])
        members = [rng.permutation([at for at, label in enumerate(labels) if label == name]) for name in self.names]
        short = [name for name, part in zip(self.names, members, strict=True) if len(part) <= learner.held]
        if len(self.names) < 2 or short:
            what = f"{short[0]!r} has no more than {learner.held}" if short else "all rows are of one source"
            raise SetupError(
                f"learner 'aioli' divides rows by {learner.by!r}: {what}.", choices=("fewer held rows", "another column")
            )
        self.held = [sorted(part[: learner.held].tolist()) for part in members]
        self.trained = [sorted(part[learner.held :].tolist()) for part in members]
        self.an_epoch = -(-sum(map(len, self.trained)) // learner.batch)
        self.estimation = learner.sweeps * len(self.names) * learner.short
        # Otherwise every step would belong to a short round, and the shares would never be used.
        if self.estimation >= learner.update:
            raise SetupError(
                f"an estimation takes {self.estimation} steps, and update is {learner.update}.",
                next_command=f"update: {2 * self.estimation} or more",
            )
        self.losses: dict[int, list[float]] = {}
        self._moving = AioliShares.start(len(self.names), self._settings)
        self._moves: list[tuple[Floats, Floats]] = []

    def measured_at(self, step: int) -> bool:
        """True if the losses are needed before this step: at the ends of the short rounds."""
        place = step % self.learner.update
        return place <= self.estimation and place % self.learner.short == 0

    def order(self, update: int) -> list[int]:
        """Sources of the short rounds of an update."""
        # A new object: the order follows from seed and update alone, not from the losses so far.
        return AioliShares.start(len(self.names), self._settings).rounds(np.random.default_rng([self.seed, 1, update]))

    @property
    def _settings(self) -> AioliSettings:
        learner = self.learner
        return AioliSettings(learner.sweeps, learner.weight, learner.eta, learner.average)

    def shares(self, update: int) -> Floats:
        """The shares of the steps after the short rounds of an update."""
        return self._move(update)[0]

    def _move(self, update: int) -> tuple[Floats, Floats]:
        """Shares and estimated effects of an update, which every earlier one leads to."""
        # In order and each once, because an update starts from the shares of the one before it.
        for number in range(len(self._moves), update + 1):
            begin, order = number * self.learner.update, self.order(number)
            ends = [begin + at * self.learner.short for at in range(len(order) + 1)]
            shares = self._moving.move(order, -np.diff(np.array([self.losses[end] for end in ends]), axis=0))
            assert self._moving.effects is not None
            self._moves.append((shares, self._moving.effects))
        return self._moves[update]

    @property
    def _updates(self) -> int:
        """Updates whose short rounds are done."""
        # Floor division: the result is 0 until the first estimation is complete.
        return 1 + (max(self.losses, default=-1) - self.estimation) // self.learner.update

    def moved(self) -> list[dict[str, float]]:
        """The shares of every update whose short rounds are done."""
        return [self._by_name(self.shares(update)) for update in range(self._updates)]

    def laws(self) -> list[dict[str, Any]]:
        """Law of every update whose short rounds are done: the effects by source whose loss falls and trained source, and
        the mean drop of loss in one other step, predicted and measured (None if the training ended before).
        """
        rows: list[dict[str, Any]] = []
        for update in range(self._updates):
            shares, effects = self._move(update)
            first, last = update * self.learner.update + self.estimation, (update + 1) * self.learner.update
            drops = np.subtract(self.losses[first], self.losses[last]) if last in self.losses else None
            rows.append({
                "effects": {name: self._by_name(row) for name, row in zip(self.names, effects, strict=True)},
                "predicted": round(float((effects @ shares).mean()) / self.learner.short, 6),
                "measured": None if drops is None else round(float(drops.mean()) / (last - first), 6),
            })  # fmt: skip
        return rows

    def _by_name(self, values: Floats) -> dict[str, float]:
        return {name: round(value, 6) for name, value in zip(self.names, values.tolist(), strict=True)}

    def rows_of(self, step: int) -> list[int]:
        """The rows of a step, counted from 0."""
        update, place = divmod(step, self.learner.update)
        if place < self.estimation:
            source = self.order(update)[place // self.learner.short]
            shares = near_one_source(len(self.names), self.learner.weight)[source]
        else:
            shares = self.shares(update)
        # From the step's number, so that a resumed training draws the same rows.
        rng = np.random.default_rng([self.seed, 2, step])
        counts = rng.multinomial(self.learner.batch, shares)
        return [row for part, count in zip(self.trained, counts, strict=True) for row in rng.choice(part, count).tolist()]

    def batch(self, step: int) -> TokenBatch:
        """The tokens of a step."""
        return token_batch(self.rows, self.rows_of(step))


class _Mixed(_Training):
    """A training that measures the loss of every source where its batches ask for it."""

    def __init__(self, learner: Aioli, task: TrainingTask) -> None:
        super().__init__(learner, task)
        self.sources = self.batches = MovedBatches(self.batches.rows, learner, task.seed)
        self.path = task.state / HISTORY
        self.sources.losses = _kept(self.path, self.spent.step)

    def save(self) -> None:
        # Before the checkpoint: a kill in between leaves losses of later steps, which `_kept` drops.
        temporary = self.path.with_name(f".{HISTORY}.{os.getpid()}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps([step, losses]) for step, losses in self.sources.losses.items()]
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        temporary.replace(self.path)
        super().save()

    def _step(self) -> float:
        # A resumed training may know the loss before its first step already.
        if self.sources.measured_at(self.spent.step) and self.spent.step not in self.sources.losses:
            self.sources.losses[self.spent.step] = [self._loss(rows) for rows in self.sources.held]
        return super()._step()

    def _loss(self, rows: Sequence[int]) -> float:
        """Mean cross-entropy of the trained tokens of some rows."""
        import torch

        with torch.no_grad():
            return -float(token_logps(self.parameters, self.model.shape, token_batch(self.sources.rows, rows)).mean())


def _kept(path: Path, steps: int) -> dict[int, list[float]]:
    """The losses before the steps that a checkpoint holds."""
    if not path.is_file():
        return {}
    rows: list[Any] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    known: Mapping[int, list[float]] = {int(step): losses for step, losses in rows}
    return {step: losses for step, losses in known.items() if step <= steps}
