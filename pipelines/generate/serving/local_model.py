"""What a profile says of a model server that Rollmill starts: interpreter, model, flags, environment, patience.

None of it can change which rows are asked for. Knows neither processes nor sockets; places are given as absolute paths.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.errors import SetupError

MODULE = "vllm.entrypoints.openai.api_server"
# Set by Rollmill: a server that listens elsewhere or under another name is not found; a key in a command line is public.
OURS = ("--host", "--port", "--model", "--served-model-name", "--api-key", "--uds", "--root-path", "--ssl-keyfile")
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
# Of our own interpreter; in another one they would load our packages.
NOT_THEIRS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "VLLM_API_KEY")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model and how to serve it. `name`: as requests call it. `port`: of the first replica, 0 for any free one.

    `start_seconds`: the most that one start may take. `restarts`: of all replicas in one command. `logs`: a folder.
    """

    python: Path
    model: str
    name: str
    logs: Path
    port: int = 0
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    without: Sequence[str] = field(default=(), repr=False)
    start_seconds: float = 600.0
    replicas: int = 1
    restarts: int = 3
    concurrency: int = 64

    def command(self, port: int) -> list[str]:
        """The server's command line. The model's own `generation_config.json` sets no sampling: the recipe does."""
        ours = ["--model", self.model, "--served-model-name", self.name, "--host", "127.0.0.1", "--port", str(port)]
        plain = [] if any(_flag(arg) == "--generation-config" for arg in self.args) else ["--generation-config", "vllm"]
        return [str(self.python), "-m", MODULE, *ours, *plain, *self.args]

    def environment(self, key: str) -> dict[str, str]:
        """The server's environment: ours without what is not its business, the profile's over it, and its key."""
        hidden = {*NOT_THEIRS, *self.without}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return {**kept, **QUIET, **self.env, "VLLM_API_KEY": key}

    def check(self) -> None:
        """SetupError where the interpreter is missing or a flag is Rollmill's to set."""
        if not (self.python.is_file() and os.access(self.python, os.X_OK)):
            raise SetupError(
                f"no interpreter {self.python}, which the profile names under serve.python.",
                next_command="make vllm, which makes .venv-vllm/bin/python",
            )
        for arg in self.args:
            if _flag(arg) in OURS:
                raise SetupError(
                    f"serve.args names {_flag(arg)}, which Rollmill sets itself.", choices=_choices(_flag(arg))
                )


def _flag(arg: str) -> str:
    return arg.partition("=")[0].replace("_", "-")


def _choices(flag: str) -> tuple[str, ...]:
    keys = {"--model": "serve.model", "--port": "serve.port", "--served-model-name": "serve.served_name"}
    return (keys[flag],) if flag in keys else ()


# Found without importing it, which takes half a minute.
_FIND = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
PROBE_SECONDS = 60.0


def probe(model: LocalModel) -> tuple[bool, str]:
    """Whether it could be, and one line about it."""
    try:
        model.check()
    except SetupError as error:
        return False, error.text()
    try:
        search = subprocess.run(
            [str(model.python), "-c", _FIND], env=model.environment(""), capture_output=True, timeout=PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"{model.python} cannot be run: {error}"
    if search.returncode != 0:
        return False, f"{model.python} has no vllm. Next: make vllm"
    place = model.model if Path(model.model).is_dir() else f"{model.model}, which vLLM will look for by name"
    return True, f"can be started from {model.python}: {place}"
