"""What is said to vLLM's child and what comes back: the message that starts it, and its answers as completions.

The first is made of the recipe's options and the profile's settings. Knows no processes.
"""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.generate.calls import completion_of
from pipelines.generate.vllm.vllm_settings import Options, VllmSettings
from pipelines.processes.frames import Message
from storage.errors import SetupError
from storage.records import Completion, FinishReason, Request

SLOTS = 8192  # requests that can have a self-certainty at once; a sparse file of 4 MB


def setup_message(folder: Path, lora: Path | None, options: Options, settings: VllmSettings) -> Message:
    """What the child needs to know."""
    context = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("max_position_embeddings")
    return {
        "kind": "setup",
        "engine": _engine(folder, options, settings) | ({} if lora is None else _lora(lora)),
        "context": options.max_model_len or (context if isinstance(context, int) else None),
        "add_special_tokens": options.api == "completions",
        "extra": dict(options.extra),
        "guided": dict(options.guided),
        "logprobs": options.logprobs,
        "reasoning_parser": options.reasoning_parser,
        "certainty_slots": SLOTS if options.self_certainty else 0,
        "lora": None if lora is None else str(lora),
    }


def _engine(folder: Path, options: Options, settings: VllmSettings) -> dict[str, Any]:
    """Arguments of vLLM's EngineArgs; what is None is vLLM's own affair."""
    chosen = {
        "quantization": options.quantization,
        "max_model_len": options.max_model_len,
        "reasoning_parser": options.reasoning_parser,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": settings.max_num_batched_tokens,
        "enforce_eager": settings.enforce_eager,
        "logits_processors": ["rollmill_certainty:Certainty"] if options.self_certainty else None,
    }
    fixed = {
        "model": str(folder),
        "dtype": options.dtype,
        "tensor_parallel_size": settings.tensor_parallel,
        "max_logprobs": max(20, options.logprobs or 0),
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "seed": 0,
    }
    return fixed | {key: value for key, value in chosen.items() if value is not None}


def _lora(folder: Path) -> dict[str, Any]:
    """Room for this adapter: vLLM takes ranks of certain sizes only."""
    try:
        rank = int(json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    except (ValueError, KeyError, TypeError):
        raise SetupError(f"{folder.name}/adapter_config.json names no rank r.", next_command="write it again") from None
    sizes = (1, 8, 16, 32, 64, 128, 256, 320, 512)
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": next((size for size in sizes if size >= rank), rank)}


def environment(settings: VllmSettings, replica: int, *, certainty: bool) -> dict[str, str]:
    """Variables of one child: its devices where there are several engines, and the model runner where it matters.

    The certainty's logits processor speaks the interface of vLLM's first model runner, which is told to run.
    """
    variables: dict[str, str] = {}
    if settings.data_parallel > 1:
        width = settings.tensor_parallel
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        devices = named.split(",") if named else [str(at) for at in range(width * settings.data_parallel)]
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(devices[replica * width : (replica + 1) * width])
    if certainty:
        variables["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    return variables


@dataclass(frozen=True, slots=True)
class CompletionMaker:
    """What all completions of an engine have in common."""

    model: tuple[str, str, str]
    template_digest: str | None

    def __call__(self, request: Request, answer: Message) -> Completion:
        """The completion of a request."""
        if "cause" in answer:
            # A prompt that the model has no room for: an empty text that says so, as no other try would give another.
            tokens, meta = {"tokens_in": answer["tokens_in"], "tokens_out": 0}, {"cause": answer["cause"]}
            fields: dict[str, Any] = {"text": "", "finish_reason": "length", **tokens, "meta": meta}
        else:
            fields = _drawn(answer)
        return completion_of(request, self.model, template_digest=self.template_digest, **fields)


def _drawn(answer: Message) -> dict[str, Any]:
    logprobs = answer.get("logprobs")
    certainty = answer.get("certainty")
    finish: FinishReason = "stop" if answer["finish"] == "stop" else "length"
    meta = {} if answer["finish"] in ("stop", "length") else {"finish_reason": answer["finish"]}
    if "note" in answer:
        meta["logprobs"] = answer["note"]
    return {
        "text": answer["text"],
        "finish_reason": finish,
        "tokens_in": len(answer["prompt_ids"]),
        "tokens_out": len(answer["ids"]),
        "logprob_sum": None if logprobs is None else math.fsum(logprobs),
        "self_certainty": certainty,
        "seconds": answer["seconds"],
        "reasoning": answer.get("reasoning") or None,
        "prompt_token_ids": tuple(answer["prompt_ids"]),
        "token_ids": tuple(answer["ids"]),
        "logprobs": None if logprobs is None else tuple(logprobs),
        "top_logprobs": answer.get("tops"),
        "meta": meta,
    }
