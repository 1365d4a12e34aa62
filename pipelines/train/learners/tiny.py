"""The embedded learner: full fine-tuning of a small Llama on CPU cores, reproducible to the last bit.

For models of the shape of models/rollmill-tiny. A killed run resumes from its last checkpoint, with the same
batches and the same numbers; the model it writes has the graph of the engine `embedded`.
"""

import importlib.util
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import sha256_text
from rollmill.pipelines.generate.embedded.model_files import digest_files
from rollmill.pipelines.train.checkpoint import (
    CHECKPOINT,
    adamw,
    keep_freed_memory,
    load_checkpoint,
    peak_of_process,
    restore_checkpoint,
    save_checkpoint,
)
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.order_file import OrderFile
from rollmill.pipelines.train.roles import PEAK_MEMORY, LearnerReport, TokenBatch, Trained, TrainingForecast, TrainingTask
from rollmill.pipelines.train.rows import TrainingRows, encoding, read_rows
from rollmill.pipelines.train.teacher import spellings
from rollmill.pipelines.train.token_batches import ROUND_TO, TokenBatches, check_length, steps_of_length, token_batch

REPORT_SECONDS, CHECKPOINT_SECONDS = 0.5, 20.0
TOGETHER = 16  # sequences of similar length that go through the model at once


@dataclass
class Tiny:
    """AdamW in float32 with warm-up and cosine, from the weights of the initial model.

    The length is one of the first three, the others are 0. `steps`: number of optimiser steps. `epochs`: number of passes
    over all rows. `loss_tokens`: number of trained tokens; the step that reaches it is the last. `batch`: rows of a step,
    or problems with a loss that keeps a problem's rows together. `learning_rate`: highest learning rate, reached after the
    warm-up. `warmup`: share of the length in which the learning rate rises. `final_share`: learning rate at the end, as a
    share of the highest. `weight_decay`: weight decay of AdamW. `beta2`: decay rate of AdamW's second moment. `clip`:
    largest gradient norm. `threads`: number of torch threads; equal numbers of threads give equal weights.
    """

    steps: int = 0
    epochs: float = 0.0
    loss_tokens: int = 0
    batch: int = 64
    learning_rate: float = 5e-4
    warmup: float = 0.05
    final_share: float = 0.1
    weight_decay: float = 0.0
    beta2: float = 0.98
    clip: float = 1.0
    threads: int = 2
    name: str = field(init=False, default="tiny")
    version: str = field(init=False, default="1")
    losses: None = field(init=False, default=None)
    measures_held_out = True  # no field: a checkpoint belongs to the learner by its fields

    def __post_init__(self) -> None:
        check_length(self.steps, self.epochs, self.loss_tokens)
        positive = {"batch": self.batch, "learning_rate": self.learning_rate, "clip": self.clip, "threads": self.threads}
        for name, value in positive.items():
            if value <= 0:
                raise SetupError(f"{name} is {value}; it must be above 0.")
        for name, share in {"warmup": self.warmup, "final_share": self.final_share}.items():
            if not 0 <= share <= 1:
                raise SetupError(f"{name} is {share}; it must be between 0 and 1.")

    def forecast(self, task: TrainingTask) -> TrainingForecast:
        """Steps and trained tokens, counted from the rows; nothing is trained and torch is not needed."""
        model = LlamaFolder.open(task.init)
        rows = task_rows(task, model)
        batches = TokenBatches(rows, task.order, task.seed, self.batch, task.loss.grouped)
        steps = steps_of_length(batches, steps=self.steps, epochs=self.epochs, loss_tokens=self.loss_tokens)
        tokens = sum(len(text.trained) for step in steps for row in step for text in rows.rows[row].texts)
        return TrainingForecast(len(steps), tokens)

    def share(self, steps: int, tokens: int, an_epoch: int) -> float:
        """The part of the training that is done after these steps and trained tokens; `an_epoch`: steps of one."""
        if self.loss_tokens:
            return min(1.0, tokens / self.loss_tokens)
        return min(1.0, steps / (self.steps or max(1, round(self.epochs * an_epoch))))

    def train(self, task: TrainingTask, report: Callable[[LearnerReport], None]) -> Trained:
        """Train from the initial model, or from the checkpoint in `task.state`."""
        self.ready()
        training = _Training(self, task)
        training.run(report)
        return training.finish()

    def ready(self) -> None:
        """Set what torch reads when it is loaded; SetupError where it is not installed."""
        if missing := [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]:
            raise SetupError(f"training needs {' and '.join(missing)}.", next_command="pip install 'rollmill[train]'")
        # On busy cores threads that spin while they wait take three times the processor time; read when torch is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class Batches(Protocol):
    """Rows of every step of a training. `an_epoch`: steps in which as many rows are drawn as there are."""

    rows: TrainingRows
    an_epoch: int

    def rows_of(self, step: int) -> list[int]:
        """The rows of a step, counted from 0."""

    def batch(self, step: int) -> TokenBatch:
        """The tokens of a step."""


@dataclass(slots=True)
class _Spent:
    """Progress of a training; it adds up over interruptions."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class _Training:
    """One training: model, optimiser, batches."""

    def __init__(self, learner: Tiny, task: TrainingTask) -> None:
        import torch

        torch.set_num_threads(learner.threads)
        keep_freed_memory()
        self.learner, self.task, self.spent = learner, task, _Spent()
        self.model = LlamaFolder.open(task.init)
        rows = task_rows(task, self.model)
        self.batches: Batches = TokenBatches(rows, task.order, task.seed, learner.batch, task.loss.grouped)
        self.parameters = self._start(trained=True)
        self.optimiser = adamw(self.parameters, learner.learning_rate, learner.weight_decay, learner.beta2)
        self.reference = self._start(trained=False) if task.loss.uses_reference else None
        self.order_file = OrderFile(task.state / "order.csv")
        # Loss and order belong to it by their options: the same state is not continued under others. Threads do not.
        self.recipe = {
            "learner": repr(replace(learner, threads=1)),
            "loss": f"{task.loss.name} {vars(task.loss)}",
            "order": f"{task.order.name} {vars(task.order)}",
            "seed": task.seed,
            "rows": sha256_text(task.rows.read_text(encoding="utf-8")),
            "init": digest_files(task.init, ("config.json", "tokenizer.json", "model.safetensors")),
        }
        if (task.state / CHECKPOINT).is_file():
            state = load_checkpoint(task.state)
            step, tokens, seconds = restore_checkpoint(
                state, self.parameters, self.optimiser, self.recipe, otherwise=f"rm -r {task.state}, and the same command"
            )
            self.spent = _Spent(int(step), int(tokens), seconds)
        self.order_file.cut(self.spent.step)

    def _start(self, *, trained: bool) -> dict[str, Any]:
        import torch

        return {name: torch.tensor(value, requires_grad=trained) for name, value in self.model.weights.items()}

    @property
    def share(self) -> float:
        """The part of the training that is done."""
        return self.learner.share(self.spent.step, self.spent.tokens, self.batches.an_epoch)

    def run(self, report: Callable[[LearnerReport], None]) -> None:
        """Train to the end; the state is saved from time to time, at an interruption and at a limit."""
        began, before = time.monotonic(), self.spent.seconds
        reported = saved = began
        losses: list[float] = []
        self.between = True
        try:
            while self.share < 1.0:
                losses.append(self._step())
                now = time.monotonic()
                self.spent.seconds = before + now - began
                if now - reported >= REPORT_SECONDS or self.share >= 1.0:
                    report(self._report(losses))
                    losses, reported = [], now
                if now - saved >= CHECKPOINT_SECONDS:
                    self.save()
                    saved = now
        except (KeyboardInterrupt, FoundWanting):  # the second: a limit, told of a report
            if self.between:  # else the weights are those of a step that is not counted
                self.save()
            raise

    def _report(self, losses: list[float]) -> LearnerReport:
        spent = self.spent
        return LearnerReport(spent.step, self.share, sum(losses) / len(losses), spent.tokens, spent.seconds)

    def save(self) -> None:
        """Write the checkpoint; the order file first, of which a later part is cut off again."""
        self.order_file.sync()
        spent = (self.spent.step, self.spent.tokens, self.spent.seconds)
        save_checkpoint(self.task.state, self.parameters, self.optimiser, spent, self.recipe)

    def _step(self) -> float:
        import torch

        rows = self.batches.rows_of(self.spent.step)
        batch = self.batches.batch(self.spent.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learner.learning_rate * rate_at(self.share, self.learner.warmup, self.learner.final_share)
        logps = token_logps(self.parameters, self.model.shape, batch)
        reference = None
        if self.reference is not None:
            with torch.no_grad():
                reference = token_logps(self.reference, self.model.shape, batch)
        loss = self.task.loss(batch, logps, reference)
        self.optimiser.zero_grad()
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.learner.clip))
        value = float(loss.detach())
        for what, number in (("loss", value), ("gradient norm", norm)):
            if not math.isfinite(number):
                raise SetupError(
                    f"the {what} of step {self.spent.step + 1} is {number}: the training diverged.",
                    next_command=f"a learning rate below {self.learner.learning_rate:g}",
                )
        self.between = False
        self.optimiser.step()
        self.order_file.add(self.spent.step, [self.batches.rows.rows[place] for place in rows], batch)
        self.spent.step += 1
        self.spent.tokens += batch.tokens
        self.between = True
        return value

    def finish(self) -> Trained:
        """Write the model folder and the training's cost."""
        from rollmill.pipelines.train.export import export_folder

        spent, shape = self.spent, self.model.shape
        weights = {name: value.detach().numpy() for name, value in self.parameters.items()}
        epochs = spent.step / self.batches.an_epoch
        export_folder(self.task.out, weights, shape, self.model.tokenizer)
        self.order_file.to_parquet(self.task.out / "order.parquet")
        record = {"parameters": shape.parameters, **self._held_out(), PEAK_MEMORY: peak_of_process(), **_software()}
        return Trained(spent.step, spent.tokens, epochs, spent.seconds, record)

    def _held_out(self) -> dict[str, float]:
        """Loss on the held-out rows under the initial and the trained model, for the record."""
        import torch

        if self.task.held_out is None:
            return {}
        rows = task_rows(replace(self.task, rows=self.task.held_out), self.model)
        _, members = rows.units(grouped=self.task.loss.grouped)
        before = self._start(trained=False)
        sums = {"held-out loss before": 0.0, "held-out loss": 0.0}
        with torch.no_grad():
            for at in range(0, len(members), self.learner.batch):
                units = members[at : at + self.learner.batch]
                batch = token_batch(rows, [row for unit in units for row in unit])
                first = token_logps(before, self.model.shape, batch)
                reference = first if self.task.loss.uses_reference else None
                for name, logps in zip(sums, (first, token_logps(self.parameters, self.model.shape, batch)), strict=True):
                    sums[name] += float(self.task.loss(batch, logps, reference)) * len(units)
        return {"held-out rows": len(rows.rows), **{name: round(total / len(members), 6) for name, total in sums.items()}}


def task_rows(task: TrainingTask, model: LlamaFolder) -> TrainingRows:
    """The rows of a training, encoded for its initial model."""
    known = spellings(task.loss, model.tokenizer)
    return read_rows(task.rows, encoding(model.tokenizer), model.shape.max_position_embeddings, task.loss.column, known)


def token_logps(parameters: dict[str, Any], shape: Any, batch: TokenBatch) -> Any:
    """Log-probability of each target of a batch: (n,).

    Sequences of similar length go through the model together, so that little of the work is padding.
    """
    import torch
    import torch.nn.functional as f

    from rollmill.pipelines.train.architecture import hidden_states, logits

    width = batch.ids.shape[1]
    ends = np.zeros(batch.sequences, dtype=np.int64)
    np.maximum.at(ends, batch.sequence, batch.places % width + 1)
    parts, order = [], []
    for chosen in np.array_split(np.argsort(ends, kind="stable"), max(1, round(batch.sequences / TOGETHER))):
        length = -(-int(ends[chosen].max()) // ROUND_TO) * ROUND_TO
        states = hidden_states(parameters, shape, torch.from_numpy(np.ascontiguousarray(batch.ids[chosen, :length])))
        at = np.flatnonzero(np.isin(batch.sequence, chosen))
        row = np.argsort(chosen)[np.searchsorted(np.sort(chosen), batch.sequence[at])]
        places = torch.from_numpy(row * length + batch.places[at] % width)
        scores = logits(parameters, states.flatten(0, 1)[places])
        parts.append(-f.cross_entropy(scores, torch.from_numpy(batch.targets[at]), reduction="none"))
        order.append(at)
    return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(order)))]


def rate_at(share: float, warmup: float, final_share: float) -> float:
    """Factor of the learning rate at a share of the training: linear warm-up, then a cosine to `final_share`."""
    if share < warmup:
        return (share + 0.01) / (warmup + 0.01)
    left = (share - warmup) / max(1e-9, 1 - warmup)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, left)))


def _software() -> dict[str, str]:
    import platform

    import torch

    return {"torch": torch.__version__, "python": platform.python_version()}
