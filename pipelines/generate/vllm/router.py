"""Between the engine `vllm` and its children: the message that starts one, requests handed out, answers as completions.

A child has at most a window of requests: those it computes, as many again so that it never waits, and those answered but
not yet stored by the caller. So a kill -9 costs no more than that, and memory is bounded. All samples of a prompt go to one
child, whose prefix cache then serves.
"""

import json
import math
import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import read_object
from rollmill.ground.records import Completion, FinishReason, Request, Sampling
from rollmill.ground.replies.faults import TOO_LONG
from rollmill.pipelines.generate.calls import NO_LOGPROBS, STOP, EngineCall, Interruption, completion_of, is_logprob
from rollmill.pipelines.generate.embedded.given_texts import scored_completion, shared_tokens
from rollmill.pipelines.generate.vllm.child import VllmChild
from rollmill.pipelines.generate.vllm.vllm_settings import VllmOptions, VllmSettings
from rollmill.pipelines.processes.frames import Message

NATIVE_WARPS = ("min_p",)
"""Warps that vLLM has itself: each is one parameter of its own, with the value of its one option."""
NATIVE_DECODERS = ("masked",)
"""Decoders that vLLM has itself: its structured outputs, with the guide of that decoder's options. It gives no weights."""
SLOTS = 8192  # requests that can have a self-certainty at once; a sparse file of 4 MB


def setup_message(folder: Path, lora: Path | None, options: VllmOptions, settings: VllmSettings) -> Message:
    """First message to the child: engine, model and options."""
    context = read_object(folder / "config.json", next_command="write it again").get("max_position_embeddings")
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


def _engine(folder: Path, options: VllmOptions, settings: VllmSettings) -> dict[str, Any]:
    """Arguments of vLLM's EngineArgs; for None vLLM chooses."""
    chosen = {
        "quantization": options.quantization,
        "max_model_len": options.max_model_len,
        "reasoning_parser": options.reasoning_parser,
        "speculative_config": dict(options.speculative) or None,
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
        # 20 is vLLM's own default.
        "max_logprobs": max(20, options.logprobs or 0),
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "seed": 0,
    }
    return fixed | {key: value for key, value in chosen.items() if value is not None}


def _lora(folder: Path) -> dict[str, Any]:
    """Room for this adapter: vLLM takes ranks of certain sizes only."""
    try:
        rank = int(read_object(folder / "adapter_config.json", next_command="write it again")["r"])
    except (ValueError, KeyError, TypeError, OverflowError):
        raise SetupError(f"{folder.name}/adapter_config.json names no rank r.", next_command="write it again") from None
    sizes = (1, 8, 16, 32, 64, 128, 256, 320, 512)
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": next((size for size in sizes if size >= rank), rank)}


def sampling_params(sampling: Sampling) -> Message:
    """Arguments of vLLM's SamplingParams; it cuts in the same order: temperature, min-p, top-k and top-p.

    `guide` is that of its structured outputs.
    """
    left = ("warp", "decode", "unsent", *sampling.unsent)
    params: Message = {key: value for key, value in asdict(sampling).items() if key not in left}
    if "max_tokens" in sampling.unsent:
        params["max_tokens"] = None  # to the end of the context; without the key it would be 16
    for warp in sampling.warp:
        (params[warp.name],) = json.loads(warp.options).values()
    if sampling.decode is not None:
        params["guide"] = json.loads(sampling.decode.options)
    return params


def environment(settings: VllmSettings, replica: int, *, certainty: bool) -> dict[str, str]:
    """Variables of one child: its devices if there are several engines, and the model runner where it matters.

    The certainty's logits processor uses the interface of vLLM's first model runner, which is selected for it.
    """
    variables: dict[str, str] = {}
    if settings.data_parallel > 1:
        width = settings.tensor_parallel
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        # Of the devices that the host was given, not of all in the machine.
        devices = named.split(",") if named else [str(at) for at in range(width * settings.data_parallel)]
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(devices[replica * width : (replica + 1) * width])
    if certainty:
        variables["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    return variables


@dataclass(frozen=True, slots=True)
class VllmCompletionMaker:
    """Values that all completions of an engine share."""

    model: tuple[str, str, str]
    template_digest: str | None

    def __call__(self, request: Request, answer: Message) -> Completion:
        """The completion of a request."""
        if "head_ids" in answer:
            ids, cut = answer["ids"], shared_tokens(answer["head_ids"], answer["ids"])
            scored = answer["logprobs"][cut - 1 :]  # the first token has none, so the list begins with the second
            return scored_completion(request, self.model, ids, cut, scored, answer["seconds"])
        if "cause" in answer:
            # A prompt that the model has no room for: an empty text that says so, as no other try would give another.
            tokens = {"tokens_in": answer["tokens_in"], "tokens_out": 0}
            meta = {"cause": answer["cause"], "finish_reason": TOO_LONG}
            fields: dict[str, Any] = {"text": "", "finish_reason": "length", **tokens, "meta": meta}
        else:
            fields = _drawn(answer)
        return completion_of(request, self.model, template_digest=self.template_digest, **fields)


def _drawn(answer: Message) -> dict[str, Any]:
    given = answer.get("logprobs")
    logprobs = given if given is not None and all(map(is_logprob, given)) else None
    certainty = answer.get("certainty")
    finish: FinishReason = "stop" if answer["finish"] == "stop" else "length"
    meta = {} if answer["finish"] in ("stop", "length") else {"finish_reason": answer["finish"]}
    if "stop" in answer:
        meta[STOP] = answer["stop"]
    if "note" in answer:
        meta["logprobs"] = answer["note"]
    elif logprobs is not given:
        meta["logprobs"] = NO_LOGPROBS
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


QueuedRequest = tuple[EngineCall, Request]
MakeCompletion = Callable[[Request, Message], Completion]


@dataclass(eq=False, slots=True)
class Route:
    """A child process, the requests that wait for it, and how many more it may be given."""

    child: VllmChild
    room: int
    waiting: deque[QueuedRequest] = field(default_factory=deque)


class RequestRouter:
    """Between the callers' threads and the children's; `make_completion` takes a request and its answer."""

    def __init__(self, children: Sequence[VllmChild], windows: Iterable[int], make_completion: MakeCompletion) -> None:
        self._routes = [Route(child, window) for child, window in zip(children, windows, strict=True)]
        self._make_completion = make_completion
        self._lock = threading.Lock()
        self._calls: set[EngineCall] = set()
        self._under_way: dict[str, tuple[Route, EngineCall, Request]] = {}
        self._number = 0
        self._failure: BaseException | None = None

    def add(self, call: EngineCall) -> None:
        """Take a call's requests, prompt by prompt; one that comes after a failure ends with it."""
        with self._lock:
            self._calls.add(call)
            if self._failure is not None:
                self._end_calls(self._failure)
                return
            for jobs in call.waiting:
                route = self._route(jobs[0].request.prompt_id)
                route.waiting.extend((call, job.request) for job in jobs)
            call.waiting.clear()
            self._pump()

    def saved(self, group: Sequence[Completion]) -> None:
        """Note that these completions are durable, which makes room for as many more."""
        with self._lock:
            for completion in group:
                self._route(completion.prompt_id).room += 1
            self._pump()

    def answers(self, message: Message) -> None:
        """A child's answers."""
        with self._lock:
            for answer in message.get("answers", ()):
                # An answer may cross the abort of its request: then nobody knows its key.
                _, call, request = self._under_way.pop(answer["key"], (None, None, None))
                if call is not None and request is not None:
                    call.under_way -= 1
                    call.put(self._make_completion(request, answer))
                    self._end_if_idle(call)

    def forget(self, call: EngineCall, unsaved: Sequence[Completion]) -> None:
        """End a caller's iteration: its pending requests are given up."""
        rest = [*unsaved, *call.take_rest()]
        with self._lock:
            self._calls.discard(call)
            self._drop_waiting(call)
            keys = [key for key, (_, owner, _) in self._under_way.items() if owner is call]
            for route in self._routes:
                gone = [key for key in keys if self._under_way[key][0] is route]
                route.room += len(gone)
                if gone:
                    route.child.send({"kind": "abort", "keys": gone})
            for key in keys:
                del self._under_way[key]
        # Outside of the lock, which `saved` takes itself and which is not reentrant.
        self.saved(rest)

    def fail(self, error: BaseException) -> None:
        """End every current and later call with this error, after the received replies."""
        with self._lock:
            # The first failure stays: later ones usually follow from it.
            self._failure = self._failure or error
            self._end_calls(error)

    def interrupt(self) -> None:
        """End every call immediately."""
        with self._lock:
            self._end_calls(Interruption())

    def wind_down(self) -> None:
        """Send nothing more for the current calls; each ends when its requests in flight are answered."""
        with self._lock:
            for call in self._calls:
                self._drop_waiting(call)
                # Only noted here: the call ends once its requests in flight are answered.
                call.error = call.error or Interruption()
                self._end_if_idle(call)

    def _end_calls(self, error: BaseException) -> None:
        for call in self._calls:
            call.error = call.error or error
            call.end()

    def _end_if_idle(self, call: EngineCall) -> None:
        if call.error is not None and call.under_way == 0:
            call.end()

    def _drop_waiting(self, call: EngineCall) -> None:
        for route in self._routes:
            route.waiting = deque(item for item in route.waiting if item[0] is not call)

    def _route(self, prompt_id: str) -> Route:
        return self._routes[zlib.crc32(prompt_id.encode()) % len(self._routes)]

    def _pump(self) -> None:
        """Send every child as many requests as fit its window."""
        for route in self._routes:
            # One message for each sampling, as its parameters are sent once for all of its requests.
            messages: dict[Sampling, list[list[str | int | None]]] = {}
            while route.room > 0 and route.waiting:
                call, request = route.waiting.popleft()
                self._number += 1
                key = str(self._number)
                self._under_way[key] = route, call, request
                call.under_way += 1
                route.room -= 1
                messages.setdefault(request.sampling, []).append([key, request.rendered, request.seed, request.given])
            for sampling, requests in messages.items():
                route.child.send({"kind": "draw", "sampling": sampling_params(sampling), "requests": requests})
