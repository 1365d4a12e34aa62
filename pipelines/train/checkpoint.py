"""State of a training on disk, and the optimiser whose moments it holds.

A checkpoint (parameters, optimiser moments, progress) is written whole or not at all. It is read as data: no code in it
runs.
"""

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError

CHECKPOINT = "checkpoint.pt"


def adamw(parameters: Mapping[str, Any], learning_rate: float, weight_decay: float, beta2: float) -> Any:
    """AdamW over a dict of tensors; weight decay on matrices only."""
    import torch

    matrices = [value for value in parameters.values() if value.ndim > 1]
    vectors = [value for value in parameters.values() if value.ndim == 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, beta2), eps=1e-8, foreach=True)


def keep_freed_memory() -> None:
    """Tell glibc to keep freed blocks: fresh pages for every activation cost a tenth of a step. No effect elsewhere."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def peak_of_process() -> int:
    """The most memory that this process held so far, in MiB."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most / (2**20 if sys.platform == "darwin" else 2**10))


def save_checkpoint(
    folder: Path, parameters: Mapping[str, Any], optimiser: Any, progress: Sequence[float], recipe: Mapping[str, Any]
) -> Path:
    """Write the checkpoint under a temporary name and rename it, so that a kill leaves the last whole one."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "parameters": {name: value.detach() for name, value in parameters.items()},
        "optimiser": optimiser.state_dict(),
        "progress": list(progress),
        "recipe": dict(recipe),
    }
    temporary = folder / f".{CHECKPOINT}.{os.getpid()}"
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        # Before the rename, or a crash could leave the new name on a file without its bytes.
        os.fsync(file.fileno())
    return temporary.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """The last checkpoint in a folder."""
    import torch

    path = folder / CHECKPOINT
    if not path.is_file():
        raise SetupError(f"no checkpoint in {folder}.", next_command="the same without --resume")
    # weights_only: a checkpoint is read as data, and no pickled code of it runs.
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def restore_checkpoint(
    state: Mapping[str, Any],
    parameters: Mapping[str, Any],
    optimiser: Any,
    recipe: Mapping[str, Any],
    *,
    otherwise: str = "use them, or another --out",
) -> list[float]:
    """Put a loaded state into parameters and optimiser; its progress.

    SetupError if it was made under other settings; `otherwise` is its next command.
    """
    import torch

    differing = sorted(key for key in recipe.keys() | state["recipe"].keys() if recipe.get(key) != state["recipe"].get(key))
    if differing:
        was = {key: state["recipe"].get(key) for key in differing}
        raise SetupError(f"the checkpoint was made with other settings: {was}.", next_command=otherwise)
    with torch.no_grad():
        for name, value in state["parameters"].items():
            parameters[name].copy_(value)
    optimiser.load_state_dict(state["optimiser"])
    return [float(value) for value in state["progress"]]
