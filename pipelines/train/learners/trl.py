"""TRL as a learner: SFT, DPO, KTO, GRPO, RLOO, reward models and Rollmill's losses, in a process of its own.

The process runs under an interpreter that has TRL, as the engine `vllm` does; torch and transformers stay out of this one.
"""

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_text, write_text
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Prompt
from rollmill.pipelines.generate.embedded.model_files import END, FolderTokenizer
from rollmill.pipelines.option_checks import checked_choice
from rollmill.pipelines.train.learners.command import run_reporting
from rollmill.pipelines.train.order_file import OrderFile
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import (
    PEAK_MEMORY,
    DrawsCompletions,
    LearnerReport,
    Trained,
    TrainingForecast,
    TrainingTask,
)
from rollmill.pipelines.train.rows import Encode, Encoded, TrainingRows, encoding, read_rows
from rollmill.pipelines.train.token_batches import TokenBatches, check_drawn_length, check_length, steps_of_length
from rollmill.places import CHECKOUT

VARIABLE = "ROLLMILL_TRL"
INSTALL = "pip install trl peft in an environment, and `training: {python: PATH}` in the profile"
DTYPES = ("float32", "bfloat16", "float16", "auto")
GUEST = Path(__file__).absolute().parents[1] / "guest" / "run.py"


@dataclass
class Trl:
    """TRL's trainers, and those of the library transformers for losses that TRL lacks.

    The length is one of the first three. `steps`: number of optimiser steps. `epochs`: number of passes over all rows.
    `loss_tokens`: number of trained tokens. `batch`: rows of a step; with grpo and rloo prompts, each with all of its
    completions. `lora`: options of peft's LoraConfig; none: all weights are trained. `dtype`: numbers in which weights are
    trained and written (float32, bfloat16, float16, or auto, those of the model's files); by default float32, with `lora`
    auto, since the adapter's weights are float32 anyway. A bfloat16 weight has 8 bits and stays as it is at the steps of
    usual learning rates, which round to nothing. `options`: options of the trainer's
    own configuration (SFTConfig, DPOConfig, KTOConfig, GRPOConfig, RLOOConfig, RewardConfig), such as learning_rate,
    save_steps.
    """

    steps: int = 0
    epochs: float = 0.0
    loss_tokens: int = 0
    batch: int = 16
    lora: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None
    dtype: str | None = None
    trainer_python: str | None = None
    name: str = field(init=False, default="trl")
    version: str = field(init=False, default="2")  # 1 trained in the numbers of the model's files on a GPU
    losses: tuple[str, ...] = field(
        init=False,
        default=(
            *("sft", "weighted", "dpo", "kto", "redi", "unlikelihood", "mml", "dco", "kd"),
            *("grpo", "rloo", "reward_model"),
        ),
    )
    trains_other_models: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        check_length(self.steps, self.epochs, self.loss_tokens)
        if self.batch < 1:
            raise SetupError(f"batch is {self.batch}; it must be above 0.")
        if self.dtype is not None:
            checked_choice("learner", self.name, "dtype", self.dtype, DTYPES)

    def interpreter(self) -> str:
        """Path of the interpreter; SetupError if there is none with TRL."""
        named = self.trainer_python or os.environ.get(VARIABLE)
        if named is None:
            if importlib.util.find_spec("trl") is None:
                raise SetupError("the learner trl needs an interpreter with TRL; none is named.", next_command=INSTALL)
            return sys.executable
        # A bare name is a program of PATH: a file of the current folder with that name is not asked for.
        places = (Path(named), CHECKOUT / named) if "/" in named else ()
        path = next((str(place.absolute()) for place in places if place.is_file()), None) or shutil.which(named)
        if path is None:
            raise SetupError(f"the interpreter of the learner trl, {named!r}, does not exist.", next_command=INSTALL)
        return path

    def forecast(self, task: TrainingTask) -> TrainingForecast | None:
        """Steps and trained tokens, counted from the rows with the folder's tokenizer; nothing is started.

        None for a folder without tokenizer.json. What a chat template adds to an answer but its end token is not counted.
        """
        encode = plain_encoding(task.init)
        if encode is None:
            return None
        # No limit here: the process that trains checks the context, with its own encoding.
        rows = read_rows(task.rows, encode, sys.maxsize, task.loss.column)
        if isinstance(task.loss, DrawsCompletions):
            return self._longest(task.loss, rows, task)
        parts = int((self.options or {}).get("gradient_accumulation_steps", 1))
        # A step that is cut into parts is full, as in the process that trains.
        batches = TokenBatches(rows, task.order, task.seed, self.batch, task.loss.grouped, whole=parts > 1)
        steps = steps_of_length(batches, steps=self.steps, epochs=self.epochs, loss_tokens=self.loss_tokens)
        tokens = sum(len(text.trained) for step in steps for row in step for text in rows.rows[row].texts)
        return TrainingForecast(len(steps), tokens)

    def _longest(self, loss: DrawsCompletions, rows: TrainingRows, task: TrainingTask) -> TrainingForecast:
        """Steps, and trained tokens if every completion had the most."""
        check_drawn_length(self.loss_tokens)
        batches = TokenBatches(rows, task.order, task.seed, self.batch, task.loss.grouped, whole=True)
        steps = len(steps_of_length(batches, steps=self.steps, epochs=self.epochs, loss_tokens=0))
        return TrainingForecast(steps, steps * self.batch * loss.generations * loss.max_tokens, at_most=True)

    def train(self, task: TrainingTask, report: Callable[[LearnerReport], None]) -> Trained:
        """Train in a child process, or resume from its last checkpoint."""
        python, began = self.interpreter(), time.monotonic()
        task.state.mkdir(parents=True, exist_ok=True)
        job = self._job(task)
        path = task.state / "job.json"
        # Through JSON on both sides, which makes lists of tuples.
        if path.exists() and json.loads(path.read_text(encoding="utf-8")) != json.loads(json_text(job)):
            raise SetupError(
                "the checkpoint was made with other data, loss or options.", next_command="another state folder"
            )
        write_text(path, json_text(job))
        # Without -P the script's folder comes first on sys.path, and its modules would hide others of their names.
        run_reporting([python, "-P", str(GUEST), str(path)], report, task.reward)
        done = json.loads((task.state / "done.json").read_text(encoding="utf-8"))
        order = OrderFile(task.state / "order.csv")
        order.to_parquet(task.out / "order.parquet")
        # The model folder is complete, so no run resumes from the checkpoints.
        shutil.rmtree(task.state / "checkpoints", ignore_errors=True)
        epochs = order.rows() / max(1, task.rows.read_text(encoding="utf-8").count("\n"))
        record = {**done["versions"], PEAK_MEMORY: done["peak"]}
        return Trained(done["steps"], done["tokens"], epochs, time.monotonic() - began, record)

    def _job(self, task: TrainingTask) -> dict[str, Any]:
        # The process makes the order again from its name and options, and knows no file of the user.
        if type(task.order) not in ORDERS.values():
            raise SetupError(
                f"the learner trl does not know the order {task.order.name!r} of a file of yours.", choices=sorted(ORDERS)
            )
        return {
            "rows": str(task.rows), "sha256": sha256_text(task.rows.read_text(encoding="utf-8")), "init": str(task.init),
            "out": str(task.out), "state": str(task.state), "loss": [task.loss.name, vars(task.loss)],
            "order": [task.order.name, vars(task.order)], "seed": task.seed, "steps": self.steps, "epochs": self.epochs,
            "loss_tokens": self.loss_tokens, "batch": self.batch, "lora": dict(self.lora or {}),
            "options": dict(self.options or {}), "dtype": self.dtype or ("auto" if self.lora else "float32"),
        }  # fmt: skip


def plain_encoding(folder: Path) -> Encode | None:
    """Prompt and answer one after the other, with an end token, by a folder's tokenizer.json; None without one."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    tokenizer = FolderTokenizer(path)
    if tokenizer.token_to_id(END) is not None:
        return encoding(tokenizer)

    def encode(prompt: Prompt, answer: str, wrong: Sequence[Sequence[int]]) -> Encoded:
        asked = prompt if isinstance(prompt, str) else "\n".join(str(turn.content) for turn in prompt)
        first, then = (tokenizer.encode(text, add_special_tokens=False) for text in (asked, answer))
        trained = [
            len(first.ids) + place
            for place, (begin, end) in enumerate(then.offsets)
            if not any(begin < stop and end > start for start, stop in wrong)
        ]
        # Forecasts only count: 0 stands for the end token, whose id is unknown here.
        return [*first.ids, *then.ids, 0], [*trained, len(first.ids) + len(then.ids)]

    return encode
