"""A request to a completion: what is sent, what of the reply becomes a row, and what a refusal of the prompt becomes.

A prompt that is too long for the model, or that the provider's filter refuses, is an answer about that prompt: an empty
text that says why, as no other try would give another. Knows no retries.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

from pipelines.generate.calls import completion_of
from pipelines.generate.http.exchange import Exchange
from pipelines.generate.http.failures import ErrorMessages, Failure
from pipelines.generate.http.http_settings import HttpSettings, Secrets
from pipelines.generate.http.probe import served_models
from pipelines.generate.http.replicas import Replica
from pipelines.generate.http.reply import Answer, read_answer
from pipelines.generate.http.wire import Wire
from storage.records import Completion, Request, Sampling

TOO_LONG = (
    "context length",
    "context_length_exceeded",
    "maximum context",
    "context window",
    "context size",
    "too many tokens",
)
FILTERED = ("content_filter", "content management policy", "content_policy")
ENGINE = "openai"


class CompletionClient:
    """Asks for completions of one model. `secrets` are taken out of what servers say."""

    def __init__(self, wire: Wire, settings: HttpSettings, secrets: Secrets, messages: ErrorMessages) -> None:
        self._wire, self._settings, self._secrets, self._messages = wire, settings, secrets, messages
        self._digest = wire.digest()
        self._fixed: dict[Sampling, bytes] = {}
        self.exchange: Exchange

    async def ask(self, replica: Replica, request: Request) -> Completion:
        """One attempt; Failure where it gave no row."""
        began = time.perf_counter()
        body = self._wire.body(request, self._fixed_part(request.sampling))
        try:
            reply = await self.exchange.post(replica, self._wire.path, body)
            answer = read_answer(reply, model=self._wire.model, max_tokens=request.sampling.max_tokens)
        except Failure as failure:
            answer = _about_the_prompt(failure, self._secrets)
        return self._completion(request, answer, time.perf_counter() - began)

    async def probe(self, replica: Replica) -> None:
        """Whether a server is there, accepts the key and has the model; Failure or SetupError where not."""
        try:
            served = served_models(await self.exchange.models(replica))
        except Failure as failure:
            if failure.status in (404, 405, 501):
                return  # it is there, and has no list
            if failure.status is not None and failure.status not in (401, 403):
                failure.again = True
            raise
        self._messages.served[replica.name] = served
        if replica.server.listed and served and not _among(self._wire.model, served):
            raise Failure("unknown_model", again=False, status=404)

    def _fixed_part(self, sampling: Sampling) -> bytes:
        if sampling not in self._fixed:
            self._fixed[sampling] = self._wire.fixed(sampling)
        return self._fixed[sampling]

    def _completion(self, request: Request, answer: Answer, seconds: float) -> Completion:
        prices = None if self._settings.prices is None else self._settings.prices.of(self._wire.model)
        logprobs = answer.logprobs
        return completion_of(
            request,
            (ENGINE, self._wire.model, self._digest),
            text=answer.text,
            finish_reason=answer.finish,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            cost=None if prices is None else prices.cost(answer.tokens_in, answer.tokens_out, answer.cached),
            logprob_sum=None if logprobs is None else math.fsum(logprobs),
            seconds=seconds,
            reasoning=answer.reasoning,
            messages=answer.messages,
            prompt_token_ids=answer.prompt_token_ids,
            token_ids=answer.token_ids,
            logprobs=logprobs,
            top_logprobs=answer.top_logprobs,
            meta=answer.notes,
        )


def _about_the_prompt(failure: Failure, secrets: Secrets) -> Answer:
    """The empty answer that a refusal of this very prompt is; any other failure is raised."""
    failure.detail = secrets.hide(failure.detail)
    reason = f"{failure.detail} {failure.code}".lower()
    if failure.status not in (400, 413, 422) or not any(words in reason for words in (*TOO_LONG, *FILTERED)):
        raise failure
    filtered = any(words in reason for words in FILTERED)
    notes: Mapping[str, Any] = {"cause": failure.detail, "finish_reason": "content_filter" if filtered else "too_long"}
    return Answer("", "length", tokens_out=0, notes=dict(notes))


def _among(model: str, served: tuple[str, ...]) -> bool:
    """Ollama lists `name:latest` for what one asks as `name`."""
    return model in served or f"{model}:latest" in served
