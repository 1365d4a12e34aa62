"""The part of a profile about model servers that Rollmill starts itself. Nothing here can change which rows are asked for.

Checks values and finds places; starting is pipelines/generate/serving. Knows no recipe.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from flows import CHECKOUT
from flows.recipe.schema import Part
from flows.recipe.servers import Seconds, Server, Variable
from pipelines.generate.serving.local_model import LocalModel
from pipelines.generate.vllm.vllm_settings import BUILT, VARIABLE

Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f]+$")]


class Serve(Part):
    """A model and the interpreter that serves it with vLLM. `served_name`: as recipes call it, by default `model`.

    `python`: without it the interpreter in ROLLMILL_VLLM, else .venv-vllm, which `make vllm` builds.

    `port` is of the first replica, 0 takes any free one. `restarts` counts for all replicas in one command.
    """

    model: Word
    python: Word | None = None
    served_name: Word | None = None
    port: int = Field(default=0, ge=0, le=65535)
    args: tuple[Word, ...] = ()
    env: dict[Variable, str] = Field(default_factory=dict)
    start_seconds: Seconds = 600.0
    replicas: int = Field(default=1, ge=1, le=64)
    restarts: int = Field(default=3, ge=0, le=1000)
    concurrency: int = Field(default=64, ge=1, le=4096)

    @field_validator("args", "env", mode="before")
    @classmethod
    def _as_texts(cls, given: object) -> object:
        """YAML reads `512` and `1` as numbers, where a command line and an environment have texts only."""
        if isinstance(given, list):
            return [_text(item) for item in given]
        return {key: _text(value) for key, value in given.items()} if isinstance(given, dict) else given

    @property
    def name(self) -> str:
        """As requests call the model."""
        return self.served_name or self.model


def local_models(parts: Sequence[Serve], servers: Sequence[Server], root: Path, logs: Path) -> list[LocalModel]:
    """What is to be started, its places found in the workspace, else in the checkout.

    The variables that hold the keys of other servers are not handed on.
    """
    keys = tuple(server.key_env for server in servers if server.key_env is not None)
    return [
        LocalModel(
            python=_found(part.python or os.environ.get(VARIABLE) or BUILT, root),
            model=_model(part.model, root),
            name=part.name,
            logs=logs,
            without=keys,
            **part.model_dump(exclude={"python", "model", "served_name"}),
        )
        for part in parts
    ]


def as_servers(parts: Sequence[Serve]) -> tuple[Server, ...]:
    """Servers as they will be, to reckon with before they run."""
    return tuple(
        Server(url=f"http://127.0.0.1:{part.port or 1}/v1", concurrency=part.concurrency, models=(part.name,))
        for part in parts
        for _ in range(part.replicas)
    )


def _found(place: str, root: Path) -> Path:
    """A file of the workspace or else of the checkout; symbolic links stay, as an environment's interpreter is one."""
    found = next((folder / place for folder in (root, CHECKOUT) if (folder / place).exists()), root / place)
    return Path(place).expanduser() if Path(place).expanduser().is_absolute() else found


def _model(place: str, root: Path) -> str:
    """A folder's absolute path; any other name is for the server to resolve."""
    found = _found(place, root)
    return str(found.resolve()) if found.is_dir() else place


def _text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
