"""A LocalModel that is served by the toy instead of vLLM, and the processes that it noted."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.pipelines.generate.serving import LocalModel

HERE = Path(__file__).parent
ENV = {"PYTHONPATH": f"{HERE / 'toy'}:{HERE.parents[3]}"}


@dataclass(frozen=True)
class Born:
    """The processes of one start."""

    server: int
    engine: int
    guard: int


def toy_model(folder: Path, env: dict[str, str] | None = None, **more: Any) -> LocalModel:
    noted = {**ENV, "TOY_NOTE": str(folder / "born"), **(env or {})}
    return LocalModel(Path(sys.executable), "toy-weights", "toy", folder / "logs", env=noted, **more)


def born(folder: Path) -> list[Born]:
    path = folder / "born"
    return [Born(*map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def gone(one: Born, within: float = 30.0) -> bool:
    """Whether every process of a start ends, waited for on a busy machine."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(map(alive, (one.server, one.engine, one.guard))):
            return True
        time.sleep(0.05)
    return False
