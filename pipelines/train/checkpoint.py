"""The state of a training run on disk: parameters, optimiser moments, step and time used; written whole or not at all.

Knows one file format (torch's), nothing of data or schedules.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import SetupError

NAME = "checkpoint.pt"


@dataclass(slots=True)
class Progress:
    """Where a run stands; seconds add up over interruptions."""

    step: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


def save(folder: Path, parameters: dict[str, Any], optimiser: Any, progress: Progress, recipe: dict[str, Any]) -> Path:
    """Write the checkpoint under a temporary name and rename it, so that a kill leaves the last whole one."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "parameters": {name: value.detach() for name, value in parameters.items()},
        "optimiser": optimiser.state_dict(),
        "progress": [progress.step, progress.wall_seconds, progress.cpu_seconds],
        "recipe": recipe,
    }
    temporary = folder / f".{NAME}.{os.getpid()}"
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    return temporary.replace(folder / NAME)


def load(folder: Path) -> dict[str, Any]:
    """The last checkpoint in a folder."""
    import torch

    path = folder / NAME
    if not path.is_file():
        raise SetupError(f"no checkpoint in {folder}.", next_command=f"rollmill train --out {folder} without --resume")
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def restore(state: dict[str, Any], parameters: dict[str, Any], optimiser: Any, recipe: dict[str, Any]) -> Progress:
    """Put a loaded state into parameters and optimiser; SetupError if it was made under other settings."""
    import torch

    differing = sorted(key for key in recipe.keys() | state["recipe"].keys() if recipe.get(key) != state["recipe"].get(key))
    if differing:
        was = {key: state["recipe"].get(key) for key in differing}
        raise SetupError(f"the checkpoint was made with other settings: {was}.", next_command="use them, or another --out")
    with torch.no_grad():
        for name, value in state["parameters"].items():
            parameters[name].copy_(value)
    optimiser.load_state_dict(state["optimiser"])
    step, wall, cpu = state["progress"]
    return Progress(int(step), float(wall), float(cpu))
