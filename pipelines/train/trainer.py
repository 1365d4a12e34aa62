"""Training of the shipped model from scratch: tokenizer, training loop, export. For `rollmill train --out`.

AdamW with warm-up and cosine decay; on one machine a resumed run is bit-identical. Each step is reported to a callback.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from rollmill.pipelines.train.architecture import Parameters, hidden_states, initial_parameters, logits
from rollmill.pipelines.train.checkpoint import (
    adamw,
    keep_freed_memory,
    load_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)
from rollmill.pipelines.train.corpus import (
    Source,
    TrainingBatch,
    batches,
    template_source,
    tokenizer_texts,
    train_tokenizer,
)
from rollmill.pipelines.train.export import export_folder, write_json
from rollmill.pipelines.train.training_settings import Shape, TrainSettings

VOCABULARY = 640  # pieces at most: 256 bytes, the markers, and the words of the templates
TOKENIZER_PROBLEMS = 8000  # that the tokenizer is trained on


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Settings and output of a training: `out` gets the model; the checkpoint is a hidden neighbour, never shipped."""

    out: Path
    settings: TrainSettings
    resume: bool = False
    seconds: float = math.inf

    @property
    def checkpoints(self) -> Path:
        """The folder of the resumable state."""
        return checkpoint_folder(self.out)


@dataclass(slots=True)
class TrainingProgress:
    """Progress of a training; seconds add up over interruptions."""

    step: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """Report after a step: loss in nats per solution token, tokens of the batch with padding."""

    step: int
    loss: float
    tokens: int
    wall_seconds: float
    cpu_seconds: float
    saved: bool


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The parameters and how far and how long they were trained."""

    parameters: Parameters
    progress: TrainingProgress
    finished: bool


class Trainer:
    """Training run: its settings, its data and the folder that holds its checkpoint."""

    def __init__(self, shape: Shape, settings: TrainSettings, source: Source, tokenizer: Any, folder: Path) -> None:
        self.shape, self.settings, self.source, self.tokenizer, self.folder = shape, settings, source, tokenizer, folder
        self.recipe = {"shape": asdict(shape), "settings": {**asdict(settings), "levels": list(settings.levels)}}
        self.parameters = initial_parameters(shape, settings.seed)
        self.optimiser = adamw(self.parameters, settings.learning_rate, settings.weight_decay, settings.beta2)
        self.progress = TrainingProgress()

    def resume(self) -> None:
        """Continue from the folder's checkpoint."""
        step, wall, cpu = restore_checkpoint(load_checkpoint(self.folder), self.parameters, self.optimiser, self.recipe)
        self.progress = TrainingProgress(int(step), wall, cpu)

    def run(
        self, report: Callable[[StepReport], None], *, until: int | None = None, seconds: float = math.inf
    ) -> TrainingResult:
        """Train to the last step, to step `until`, or for `seconds`; the state at the end is in the checkpoint."""
        import torch

        torch.set_num_threads(self.settings.threads)
        keep_freed_memory()
        last = min(self.settings.steps, until or self.settings.steps)
        data = batches(self.source, self.tokenizer, self.settings, self.progress.step)
        started = time.monotonic()
        while self.progress.step < last and time.monotonic() - started < seconds:
            self._timed_step(data, report)
        self.save()
        return TrainingResult(self.parameters, self.progress, self.progress.step >= self.settings.steps)

    def save(self) -> None:
        """Write the checkpoint now."""
        save_checkpoint(self.folder, self.parameters, self.optimiser, astuple(self.progress), self.recipe)

    def _timed_step(self, data: Iterator[TrainingBatch], report: Callable[[StepReport], None]) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        batch = next(data)
        loss = self._step(batch)
        progress = self.progress
        progress.step += 1
        progress.wall_seconds += time.monotonic() - wall
        progress.cpu_seconds += time.process_time() - cpu
        saved = progress.step % self.settings.checkpoint_every == 0
        if saved:
            self.save()
        report(StepReport(progress.step, loss, batch.ids.size, progress.wall_seconds, progress.cpu_seconds, saved))

    def _step(self, batch: TrainingBatch) -> float:
        import torch
        import torch.nn.functional as f

        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.progress.step)
        states = hidden_states(self.parameters, self.shape, torch.from_numpy(batch.ids))
        chosen = states.flatten(0, 1)[torch.from_numpy(batch.places)]
        loss = f.cross_entropy(logits(self.parameters, chosen), torch.from_numpy(batch.targets))
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.settings.clip)
        self.optimiser.step()
        return float(loss.detach())


def checkpoint_folder(out: Path) -> Path:
    """Folder in which the training of a model folder keeps its state."""
    return out.parent / f".{out.name}.training"


def train_model(job: TrainingJob, report: Callable[[StepReport], None], source: Source | None = None) -> TrainingResult:
    """Train (or resume training) and export; every saved checkpoint is exported too, so the folder is usable early."""
    problems = source or template_source(job.settings.levels)
    tokenizer = train_tokenizer(tokenizer_texts(problems, TOKENIZER_PROBLEMS, job.settings.seed), VOCABULARY)
    trainer = Trainer(Shape(tokenizer.get_vocab_size()), job.settings, problems, tokenizer, job.checkpoints)
    if job.resume:
        trainer.resume()

    def after_step(step: StepReport) -> None:
        if step.saved:
            _export(job, trainer, tokenizer)
        report(step)

    result = trainer.run(after_step, seconds=job.seconds)
    _export(job, trainer, tokenizer)
    return result


def _export(job: TrainingJob, trainer: Trainer, tokenizer: Any) -> None:
    weights = {name: value.detach().numpy() for name, value in trainer.parameters.items()}
    export_folder(job.out, weights, trainer.shape, tokenizer)
    write_json(job.out / "training.json", training_record(trainer))


def training_record(trainer: Trainer) -> dict[str, Any]:
    """Content of training.json: settings, progress, time and software."""
    import tokenizers
    import torch

    progress = trainer.progress
    return {
        **trainer.recipe,
        "parameters": trainer.shape.parameters,
        "steps_done": progress.step,
        "problems_seen": progress.step * trainer.settings.batch,
        "wall_seconds": round(progress.wall_seconds, 1),
        "cpu_seconds": round(progress.cpu_seconds, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "tokenizers": tokenizers.__version__,
    }


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_share` of the peak at the horizon."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(1, settings.horizon - settings.warmup)
    share = settings.final_share + (1 - settings.final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return settings.learning_rate * share
