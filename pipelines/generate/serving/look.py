"""Whether a server could be started, for a person: interpreter, vLLM in it, model. Starts none and never raises."""

import subprocess
from pathlib import Path

from pipelines.generate.serving.settings import LocalModel
from storage.errors import SetupError

# Found without importing it, which takes half a minute.
_FIND = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
SECONDS = 60.0


def look(model: LocalModel) -> tuple[bool, str]:
    """Whether it could be, and one line about it."""
    try:
        model.check()
    except SetupError as error:
        return False, error.text()
    try:
        done = subprocess.run(
            [str(model.python), "-c", _FIND], env=model.environment(""), capture_output=True, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"{model.python} cannot be run: {error}"
    if done.returncode != 0:
        return False, f"{model.python} has no vllm. Next: make vllm"
    place = model.model if Path(model.model).is_dir() else f"{model.model}, which vLLM will look for by name"
    return True, f"can be started from {model.python}: {place}"
