"""Starts vLLM's engine from what the host says, and tells what it is. The only module here that knows engine arguments."""

import importlib
import importlib.util
import platform
import sys
from typing import Any

from pipelines.processes.frames import Message


class Cannot(Exception):  # noqa: N818 - a reason, told to the host
    """A reason why no engine can start, with its cause as one word."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def start(setup: Message) -> tuple[Any, Message]:
    """The engine and its facts: versions, device, how many sequences at once, tokens of context."""
    if importlib.util.find_spec("vllm") is None:
        raise Cannot("no_vllm", f"{sys.executable} has no package vllm")
    import torch
    import vllm
    from vllm import EngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.llm_engine import LLMEngine

    cpu = current_platform.is_cpu()
    if cpu and platform.machine() == "x86_64" and not torch.cpu._is_avx512_supported():
        raise Cannot("no_avx512", "vLLM on a CPU needs AVX512")
    if setup["certainty_slots"]:
        importlib.import_module("rollmill_certainty").make(setup["certainty_slots"])
    engine = LLMEngine.from_engine_args(EngineArgs(**_arguments(setup, cpu)))
    facts = {
        "vllm": vllm.__version__,
        "torch": torch.__version__,
        "device": "cpu" if cpu else str(current_platform.get_device_name()),
        "max_num_seqs": engine.vllm_config.scheduler_config.max_num_seqs,
        "context": engine.model_config.max_model_len,
        "dtype": str(engine.model_config.dtype).removeprefix("torch."),
    }
    return engine, facts


def _arguments(setup: Message, cpu: bool) -> dict[str, Any]:
    """What the host says, and what must hold here.

    On a CPU no prompt is prefilled in parts: vLLM 0.32 dies of it where requests carry seeds ("CPU Generator does not use
    offset"), so that a step must have room for the longest prompt.
    """
    arguments = dict(setup["engine"])
    if cpu:
        arguments["enable_chunked_prefill"] = False
        arguments.setdefault("max_num_batched_tokens", max(setup["context"] or 0, 4096))
    return arguments
