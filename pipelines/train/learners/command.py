"""Any other trainer as a learner: a command that is given paths and leaves a model folder."""

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.processes.spawn import GUARDS_OWN, guarded, guarded_status, spawn
from rollmill.pipelines.train.roles import LearnerReport, Trained, TrainingTask

PLACES = ("data", "init", "out", "state", "seed", "settings")
REWARD = "ROLLMILL_REWARD"
"""Variable with the address of the service that judges completions: it has a secret, and other users see arguments."""
_PLACE = re.compile(r"\{([a-z_]+)\}")
GRACE = 10.0  # seconds from SIGTERM to SIGKILL, in which it may save its state
GUARDED: Mapping[str, Any] = {
    "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True,
}  # fmt: skip
_TAIL = 20  # lines of the command's output that an error shows


@dataclass
class Command:
    """A command line that trains the model. Its placeholders are {data}, {init}, {out}, {state}, {seed} and {settings}.

    `command`: command line with placeholders; {data} and {out} are required. `settings`: values for the key `settings` of
    the file {settings}.

    {data} is a file of JSON lines in the export format; {init}, the folder of the initial model; {out}, the folder that the
    command writes; {state}, a folder for its own checkpoints, which outlives a kill. {settings} is a JSON file with the
    keys `loss`, `order`, `seed` and `settings`. For a loss that draws completions, the environment variable
    ROLLMILL_REWARD is the address of the service that judges them (`$ROLLMILL_REWARD/v1/judge`,
    `$ROLLMILL_REWARD/openrlhf`); it holds a secret. A line of output that is a JSON object with `step` and `loss` (and
    optionally `share`, `tokens`) reports progress.
    """

    command: str
    settings: Mapping[str, Any] | None = None
    name: str = field(init=False, default="command")
    version: str = field(init=False, default="1")
    losses: None = field(init=False, default=None)
    trains_other_models: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise SetupError(f"command is not a command line: {error}.") from None
        if not words:
            raise SetupError("command is empty.", next_command="python train.py --data {data} --out {out}")
        for place in _PLACE.findall(self.command):
            if place == "reward":
                raise SetupError(
                    "command has the place {reward}, and other users of the machine see the arguments of a command.",
                    next_command=f"leave it out; the command finds the address in the variable {REWARD}",
                )
            if place not in PLACES:
                raise SetupError(f"command has the place {{{place}}}.", choices=[f"{{{name}}}" for name in PLACES])
        for place in ("data", "out"):
            if f"{{{place}}}" not in self.command:
                raise SetupError(f"command has no {{{place}}}.", choices=[f"{{{name}}}" for name in PLACES])

    def train(self, task: TrainingTask, report: Callable[[LearnerReport], None]) -> Trained:
        """Run the command to its end; SetupError if it fails or leaves no model."""
        task.state.mkdir(parents=True, exist_ok=True)
        settings = task.state / "settings.json"
        parts = {"loss": [task.loss.name, vars(task.loss)], "order": [task.order.name, vars(task.order)]}
        settings.write_text(
            json.dumps({**parts, "seed": task.seed, "settings": dict(self.settings or {})}), encoding="utf-8"
        )
        values = {
            "data": task.rows, "init": task.init, "out": task.out, "state": task.state,
            "seed": task.seed, "settings": settings,
        }  # fmt: skip
        words = [_PLACE.sub(lambda found: str(values[found[1]]), word) for word in shlex.split(self.command)]
        began = time.monotonic()
        last = run_reporting(words, report, task.reward)
        if not (task.out / "config.json").is_file():
            raise SetupError(
                f"{words[0]} ended and left no {task.out}/config.json.", next_command="look at its output above"
            )
        seconds = time.monotonic() - began
        return Trained(last.step, last.tokens, 0.0, seconds) if last else Trained(0, 0, 0.0, seconds)


def run_reporting(
    words: Sequence[str], report: Callable[[LearnerReport], None], reward: str | None = None
) -> LearnerReport | None:
    """Run a command to its end, with its lines of progress reported; the last one. `reward`: address that it asks.

    SetupError if it cannot be run, ends with another status than 0, or says `{"refused": ...}` of its input.
    """
    last, tail = None, [""]
    if shutil.which(words[0]) is None:
        reason = os.strerror(errno.EACCES if Path(words[0]).exists() else errno.ENOENT)
        raise SetupError(f"cannot run {words[0]}: {reason}.", next_command="check the path of the command")
    # Under the guard: a trainer, and what it starts itself, would otherwise outlive a kill -9 of ours and write on.
    with spawn(guarded(words, GRACE), _environment(reward), **GUARDED) as process:
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                line = raw.decode("utf-8", errors="replace")
                if line.startswith(GUARDS_OWN):
                    continue
                tail = [*tail[-_TAIL:], line.rstrip()]
                if (progress := progress_in(line)) is not None:
                    report(last := progress)
        except BaseException:
            assert process.stdin is not None
            process.stdin.close()  # the guard ends the command then
            raise
    if process.returncode:
        if (refused := _refusal(tail)) is not None:
            raise SetupError(refused)
        shown = " | ".join(text for text in tail if text)[-600:]
        raise SetupError(
            f"{words[0]} ended with status {guarded_status(process.returncode)}: {shown}",
            next_command="correct it and run again",
        )
    return last


def _refusal(lines: Sequence[str]) -> str | None:
    for line in lines:
        if line.startswith('{"refused": '):
            return str(json.loads(line)["refused"])
    return None


def progress_in(line: str) -> LearnerReport | None:
    """The progress that a line of output reports; None for any other line."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
        measures = {
            key: float(item) for key, item in value.items()
            if isinstance(item, (int, float)) and key not in ("step", "share", "loss", "tokens", "seconds")
        }  # fmt: skip
        return LearnerReport(
            int(value["step"]),
            float(value.get("share", 0.0)),
            float(value["loss"]),
            int(value.get("tokens", 0)),
            float(value.get("seconds", 0.0)),
            measures,
        )
    except (ValueError, KeyError, TypeError):
        return None


def _environment(reward: str | None) -> dict[str, str]:
    own = {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
    return {**os.environ, **own, **({} if reward is None else {REWARD: reward})}
