"""Requests to answers through vLLM's LLMEngine, step by step, each as soon as it has finished; in vLLM's interpreter."""

import importlib
import json
import math
import time
from collections import deque
from typing import Any

from rollmill.pipelines.processes.frames import Message


class Drawing:
    """The requests under way in one engine. Not for several threads."""

    def __init__(self, engine: Any, setup: Message) -> None:
        self._engine, self._setup = engine, setup
        self._tokenizer = engine.renderer.tokenizer
        self._context: int = engine.model_config.max_model_len
        self._prompts: dict[str, list[int]] = {}
        self._began: dict[str, float] = {}
        self._heads: dict[str, list[int]] = {}  # of requests that score a text: the tokens of the prompt alone
        self._refused: list[Message] = []
        self._certainty = _Certainty(setup["certainty_slots"]) if setup["certainty_slots"] else None
        self._reasoning = _Reasoning(setup["reasoning_parser"], self._tokenizer) if setup["reasoning_parser"] else None
        self._lora = _lora(setup["lora"]) if setup["lora"] else None

    @property
    def busy(self) -> bool:
        """True if a step would give or bring something."""
        return bool(self._refused) or self._engine.has_unfinished_requests()

    def take(self, message: Message) -> None:
        """Begin the requests of a message; a prompt that is too long is answered immediately."""
        for key, rendered, seed, given in message["requests"]:
            ids = self._encoded(rendered + (given or ""))
            if len(ids) >= self._context:
                cause = f"prompt of {len(ids)} tokens, context of {self._context}"
                self._refused.append({"key": key, "cause": cause, "tokens_in": len(ids)})
                continue
            if given is None:
                params = self._params(message["sampling"], seed, self._context - len(ids), key)
            else:
                params, self._heads[key] = _scoring(), self._encoded(rendered)
            self._began[key] = time.monotonic()
            self._engine.add_request(key, {"prompt_token_ids": ids}, params, lora_request=self._lora)

    def abort(self, keys: list[str]) -> None:
        """Drop requests whose answers are no longer wanted."""
        known = [key for key in keys if self._began.pop(key, None) is not None]
        for key in known:
            self._heads.pop(key, None)
        self._engine.abort_request(known)
        if self._certainty is not None:
            for key in known:
                self._certainty.end(key, 0)

    def step(self) -> list[Message]:
        """Run a step of the engine and return the answers that are complete now."""
        answers, self._refused = self._refused, []
        if self._engine.has_unfinished_requests():
            outputs = self._engine.step()
            answers += [self._answer(output) for output in outputs if output.finished and output.request_id in self._began]
        return answers

    def close(self) -> None:
        """End vLLM's own processes."""
        self._engine.engine_core.shutdown()

    def _encoded(self, rendered: str) -> list[int]:
        """The tokens of a rendered prompt, special ones included; the last prompts are remembered: samples share them."""
        ids = self._prompts.get(rendered)
        if ids is None:
            clean = rendered.encode("utf-8", errors="replace").decode("utf-8")
            ids = self._tokenizer.encode(clean, add_special_tokens=self._setup["add_special_tokens"])
            if len(self._prompts) > 64:
                self._prompts.clear()
            self._prompts[rendered] = ids
        return ids

    def _params(self, sampling: Message, seed: int, room: int, key: str) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        given = {**self._setup["extra"], **sampling, "max_tokens": min(sampling["max_tokens"], room)}
        if guide := given.pop("guide", None) or self._setup["guided"]:
            given["structured_outputs"] = StructuredOutputsParams(**guide)
        if self._certainty is not None:
            given["extra_args"] = {**given.get("extra_args", {}), **self._certainty.begin(key)}
        if self._reasoning is not None:
            given["skip_special_tokens"] = self._reasoning.skip_special_tokens
        logprobs = self._setup["logprobs"]
        return SamplingParams(seed=seed, logprobs=logprobs, output_kind=RequestOutputKind.FINAL_ONLY, **given)

    def _answer(self, output: Any) -> Message:
        """Message of an answer, from which the host makes a completion."""
        key = output.request_id
        if key in self._heads:
            return self._scored(key, output)
        drawn = output.outputs[0]
        ids = list(drawn.token_ids)
        answer = {
            "key": key,
            "text": drawn.text,
            "finish": drawn.finish_reason,
            "prompt_ids": list(output.prompt_token_ids),
            "ids": ids,
            "seconds": time.monotonic() - self._began.pop(key),
        }
        if isinstance(drawn.stop_reason, str):
            answer["stop"] = drawn.stop_reason
        if self._setup["logprobs"] is not None and drawn.logprobs is not None:
            answer |= _logprobs(ids, drawn.logprobs, self._setup["logprobs"])
        if self._certainty is not None:
            answer["certainty"] = self._certainty.end(key, len(ids))
        if self._reasoning is not None:
            answer["reasoning"], answer["text"] = self._reasoning.split(drawn.text)
        return answer

    def _scored(self, key: str, output: Any) -> Message:
        """The tokens of prompt and text with the log-probability of each but the first, and those of the prompt alone."""
        ids = list(output.prompt_token_ids)
        logprobs = [near[token].logprob for near, token in zip(output.prompt_logprobs[1:], ids[1:], strict=True)]
        seconds = time.monotonic() - self._began.pop(key)
        return {"key": key, "head_ids": self._heads.pop(key), "ids": ids, "logprobs": logprobs, "seconds": seconds}


def _scoring() -> Any:
    """Sampling parameters for the log-probabilities of a prompt's own tokens; vLLM draws one token at least."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, output_kind=RequestOutputKind.FINAL_ONLY)


def _logprobs(ids: list[int], positions: Any, most: int) -> Message:
    """The chosen tokens' log-probabilities, and the k likeliest of each position as (token, log-probability)."""
    chosen = [positions[at][token].logprob for at, token in enumerate(ids)]
    if not all(map(math.isfinite, chosen)):
        return {"note": "log-probabilities not all finite numbers"}
    tops = [
        # vLLM adds the drawn token to the k likeliest: with a rank beyond k it is not one of them.
        [[top.decoded_token, top.logprob] for top in sorted(near.values(), key=lambda top: top.rank) if top.rank <= most]
        for near in positions
    ]
    finite = all(math.isfinite(value) for top in tops for _, value in top)
    return {"logprobs": chosen} | ({"tops": json.dumps(tops, separators=(",", ":"))} if most and finite else {})


class _Certainty:
    """Rows of the file that the logits processor writes into, lent to requests."""

    def __init__(self, slots: int) -> None:
        plugin = importlib.import_module("rollmill_certainty")  # by the name that vLLM's processes know it by
        self._key, self._ring = plugin.KEY, plugin.RING
        self._cells = plugin.cells(slots)
        self._free = deque(range(slots))  # the longest unused first: a step that ran ahead may still write into the last
        self._held: dict[str, int] = {}

    def begin(self, key: str) -> Message:
        """The request's extra argument; nothing if every row is lent, and then it has no certainty."""
        if not self._free:
            return {}
        self._held[key] = self._free.popleft()
        return {self._key: self._held[key]}

    def end(self, key: str, drawn: int) -> float | None:
        """The mean over the drawn tokens, in nats; None if it is not a number: masked logits have no such mean."""
        slot = self._held.pop(key, None)
        if slot is None:
            return None
        self._free.append(slot)
        if drawn == 0:
            return None
        value = float(self._cells[slot, drawn % self._ring]) / drawn
        return value if math.isfinite(value) else None


class _Reasoning:
    """Reasoning parser of vLLM, by name."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.reasoning import ReasoningParserManager

        self._parser = ReasoningParserManager.get_reasoning_parser(name)(tokenizer)
        request = ChatCompletionRequest(messages=[{"role": "user", "content": ""}], model="")
        self._request = self._parser.adjust_request(request)
        self.skip_special_tokens = self._request.skip_special_tokens

    def split(self, text: str) -> tuple[str | None, str]:
        """The reasoning and what follows it."""
        reasoning, content = self._parser.extract_reasoning(text, self._request)
        return reasoning, content or ""


def _lora(folder: str) -> Any:
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, folder)
