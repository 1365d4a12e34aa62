"""An engine over the toy vLLM, and requests for it."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rollmill.ground.records import Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.generate.vllm.engine import Vllm
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings

TOY = Path(__file__).with_name("toy")
SHIPPED = "models/rollmill-tiny"


def settings(folder: Path, **given: Any) -> VllmSettings:
    """The toy's interpreter is ours; its vLLM comes first on the path."""
    env = {"PYTHONPATH": str(TOY), **given.pop("env", {})}
    return VllmSettings(python=sys.executable, log=str(folder / "vllm.log"), start_seconds=60, env=env, **given)


def asked(engine: Vllm, prompts: Iterable[str], samples: int, **sampling: Any) -> list[Request]:
    """Requests as rounds make them."""
    origin = Origin(engine.engine, engine.model_digest, "curate", recipe_seed=1)
    shared = Sampling(**{"max_tokens": 40, **sampling})
    problems = [Problem(prompt, "0") for prompt in prompts]
    return [
        request_for(problem, engine.render(problem.prompt), shared, origin, at)
        for problem in problems
        for at in range(samples)
    ]


def noted(folder: Path, word: str) -> list[str]:
    """What the toy printed after this word."""
    lines = (folder / "vllm.log").read_text().splitlines()
    return [line.removeprefix(word).strip() for line in lines if line.startswith(word)]
