"""One training run from settings to a model folder: tokenizer, trainer, checkpoints, exports.

Puts the parts together and reports through a callback; prints nothing and measures nothing.
"""

import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.train.corpus import Source, template_source, tokenizer_texts, train_tokenizer
from pipelines.train.export import export_folder
from pipelines.train.settings import Shape, TrainSettings
from pipelines.train.trainer import StepReport, Trainer, TrainingResult

VOCABULARY = 640
TOKENIZER_PROBLEMS = 8000


@dataclass(frozen=True, slots=True)
class Job:
    """What to train and where: `out` gets the model; the checkpoint lies beside it, hidden, and is never shipped."""

    out: Path
    settings: TrainSettings
    resume: bool = False
    seconds: float = math.inf

    @property
    def checkpoints(self) -> Path:
        """The folder of the resumable state."""
        return checkpoint_folder(self.out)


def checkpoint_folder(out: Path) -> Path:
    """Where the training of a model folder keeps its state."""
    return out.parent / f".{out.name}.training"


def train_model(job: Job, report: Callable[[StepReport], None], source: Source | None = None) -> TrainingResult:
    """Train (or go on training) and export; every saved checkpoint is exported too, so the folder is usable early."""
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


def _export(job: Job, trainer: Trainer, tokenizer: Any) -> None:
    weights = {name: value.detach().numpy() for name, value in trainer.parameters.items()}
    export_folder(job.out, weights, trainer.shape, tokenizer, training_record(trainer))


def training_record(trainer: Trainer) -> dict[str, Any]:
    """What training.json says: settings, how far, how long, with which software."""
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
