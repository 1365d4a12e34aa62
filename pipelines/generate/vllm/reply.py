"""A child's answer to a completion: what vLLM says, in our record's terms. Knows no processes."""

import math
from dataclasses import dataclass
from typing import Any

from pipelines.processes.frames import Message
from storage.records import Completion, FinishReason, Request


@dataclass(frozen=True, slots=True)
class Maker:
    """What all completions of an engine have in common."""

    engine: str
    model: str
    model_digest: str
    template_digest: str | None

    def __call__(self, request: Request, answer: Message) -> Completion:
        """The completion of a request."""
        return Completion(
            id=request.completion_id,
            prompt_id=request.prompt_id,
            engine=self.engine,
            model=self.model,
            model_digest=self.model_digest,
            stream=request.stream,
            sample_index=request.sample_index,
            seed=request.seed,
            template_digest=self.template_digest,
            **(_refused(answer) if "cause" in answer else _drawn(answer)),
        )


def _refused(answer: Message) -> dict[str, Any]:
    """A prompt that the model has no room for: an empty text that says so, as no other try would give another."""
    meta = {"cause": answer["cause"]}
    return {"text": "", "finish_reason": "length", "tokens_in": answer["tokens_in"], "tokens_out": 0, "meta": meta}


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
