"""A completion over OpenAI's API: the body of the request, and the row made of the reply or refusal.

Everything that is sent can change a row, so all of it is in the recipe (`Wire`). A prompt that is too long for the model,
or that the provider's filter refuses, is an answer about that prompt: an empty text that says why, as no other try would
give another. Retries are the dispatcher's.
"""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Prompt, Request, Sampling
from rollmill.pipelines.generate.calls import STOP, completion_of
from rollmill.pipelines.generate.http.exchange import MOST_BODY, Exchange, served_models
from rollmill.pipelines.generate.http.failures import MOST_DETAIL, ErrorMessages, Failure
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Secrets
from rollmill.pipelines.generate.http.refusals import kind_of
from rollmill.pipelines.generate.http.replicas import Replica
from rollmill.pipelines.generate.http.reply import MOST_TOKENS, ServerAnswer, read_answer, read_object
from rollmill.pipelines.generate.prompts import messages_of, split_prefix

APIS = {"chat": "chat/completions", "completions": "completions"}
LIMITS = ("max_tokens", "max_completion_tokens")
# What makes a request this one, and its reply readable; the rest of a body is the recipe's to add or to leave out.
OURS = frozenset({"model", "messages", "prompt", "seed"})
LEAST_REPLY = 1 << 20  # bytes that any reply may have
TOKEN_BYTES = 256  # of a token in JSON, escapes included; also of one log-probability with its token
SEED_BITS = 31  # what every server takes: llama.cpp reads 32 bits, others signed 32
ENGINE = "openai"


class Asking(Protocol):
    """Request and reply format of a server: for completions (`Wire`), or for a model that rates texts."""

    @property
    def engine(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def revision(self) -> str | None: ...

    @property
    def api(self) -> str: ...

    @property
    def path(self) -> str: ...

    def digest(self) -> str: ...

    def render(self, prompt: Prompt) -> str: ...

    def fixed(self, sampling: Sampling) -> bytes: ...

    def body(self, request: Request, fixed: bytes) -> bytes: ...

    def most(self, body: bytes, sampling: Sampling) -> int:
        """The most bytes that an honest reply to such a body has, unfolded."""

    def read(self, reply: Mapping[str, Any], request: Request) -> ServerAnswer:
        """The answer in a reply of status 200; Failure if there is none."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The options of a recipe that determine a request; engine `openai` describes each."""

    model: str
    api: str = "chat"
    system: str | None = None
    revision: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    logprobs: int | None = None
    reasoning: bool | str | None = None
    seed_bits: int = SEED_BITS
    limit: str = "max_tokens"

    def __post_init__(self) -> None:
        if self.api not in APIS:
            raise unknown_name("api of engine openai", str(self.api), APIS)
        if self.limit not in LIMITS:
            raise unknown_name("limit of engine openai", str(self.limit), LIMITS)
        if self.api == "completions" and (self.system is not None or self.reasoning is not None):
            raise SetupError("api completions has neither a system prompt nor a reasoning switch.", choices=("api: chat",))
        if not 0 <= self.seed_bits <= 63:
            raise SetupError(f"seed_bits is {self.seed_bits}.", choices=("0 (no seed is sent)", "1 to 63"))
        if self.logprobs is not None and not 0 <= self.logprobs <= 100:
            raise SetupError(f"logprobs is {self.logprobs}.", choices=("null", "0 (chosen tokens only)", "up to 100"))
        taken = sorted(OURS & self.extra.keys())
        if taken:
            raise SetupError(f"extra names {taken[0]!r}, which has a key of its own in the recipe.")

    def digest(self) -> str:
        """The identity of requests beyond prompt, sampling and seed: everything known about a remote model."""
        parts = [self.model, self.revision, self.api, dict(self.extra), self.logprobs, self.reasoning]
        return digest128(["openai", *parts, self.seed_bits, self.limit])

    @property
    def engine(self) -> str:
        """The engine that its completions are of."""
        return ENGINE

    @property
    def path(self) -> str:
        """Path of requests, relative to a server's URL."""
        return APIS[self.api]

    def most(self, body: bytes, sampling: Sampling) -> int:
        """Limit on a reply's bytes: room for each requested token, its log-probabilities, and the prompt's token ids."""
        if "max_tokens" in sampling.unsent:
            return MOST_BODY
        token = TOKEN_BYTES + (0 if self.logprobs is None else TOKEN_BYTES * (1 + self.logprobs))
        return LEAST_REPLY + 16 * len(body) + token * sampling.max_tokens

    def read(self, reply: Mapping[str, Any], request: Request) -> ServerAnswer:
        """The completion in a reply."""
        unbounded = "max_tokens" in request.sampling.unsent
        return read_answer(reply, model=self.model, max_tokens=MOST_TOKENS if unbounded else request.sampling.max_tokens)

    def render(self, prompt: Prompt) -> str:
        """The prompt as sent: JSON of the messages, or the text itself. The server's template is not known here."""
        if self.api == "completions":
            asked, prefix = split_prefix(prompt)
            return plain_text(asked) + prefix
        return json.dumps(messages_of(prompt, self.system), separators=(",", ":"))

    def fixed(self, sampling: Sampling) -> bytes:
        """The part of a body that is the same for every request of a sampling, without its closing brace."""
        chosen = {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": sampling.max_tokens}
        named = {"max_tokens": self.limit}
        body: dict[str, Any] = {"model": self.model}
        body |= {named.get(name, name): value for name, value in chosen.items() if name not in sampling.unsent}
        body |= {"n": 1, "stream": False}
        body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        body |= {"stop": list(sampling.stop)} if sampling.stop else {}
        body |= self._logprobs() | self._reasoning()
        for key, value in self.extra.items():
            if key in body and value is None:
                del body[key]
            elif key in body and key != "chat_template_kwargs":  # which the reasoning switch has taken in
                raise SetupError(
                    f"extra gives {key!r} {value!r}, and the recipe sends it as {body[key]!r}.",
                    next_command=f"give it once: {key} in generate (null leaves it out) or in generate.options.extra",
                )
            else:
                body.setdefault(key, value)
        return json.dumps(body, separators=(",", ":"))[:-1].encode("ascii")

    def body(self, request: Request, fixed: bytes) -> bytes:
        """The whole body of a request; `rendered` of a chat is JSON already."""
        chat = self.api == "chat"
        prompt = request.rendered if chat else json.dumps(request.rendered)
        if chat and split_prefix(request.prompt)[1]:
            prompt, fixed = _continuing(prompt), fixed + b',"add_generation_prompt":false,"continue_final_message":true'
        seed = b"" if self.seed_bits == 0 else b',"seed":%d' % (request.seed & ((1 << self.seed_bits) - 1))
        return b'%s%s,"%s":%s}' % (fixed, seed, b"messages" if chat else b"prompt", prompt.encode("ascii"))

    def _logprobs(self) -> dict[str, Any]:
        if self.logprobs is None:
            return {}
        if self.api == "completions":
            return {"logprobs": self.logprobs}
        return {"logprobs": True} | ({"top_logprobs": self.logprobs} if self.logprobs else {})

    def _reasoning(self) -> dict[str, Any]:
        """Off and on are switches of the chat template (Qwen, DeepSeek, GLM); words are an effort."""
        if self.reasoning is None:
            return {}
        if isinstance(self.reasoning, str):
            return {"reasoning_effort": self.reasoning}
        switches = {"enable_thinking": self.reasoning, "thinking": self.reasoning}
        return {"chat_template_kwargs": switches | dict(self.extra.get("chat_template_kwargs") or {})}


def _continuing(messages: str) -> str:
    """Messages whose last one the server shall continue, as vLLM and SGLang can; others refuse the request."""
    plain = [{key: value for key, value in message.items() if key != "prefix"} for message in json.loads(messages)]
    return json.dumps(plain, separators=(",", ":"))


class CompletionClient:
    """Asks for completions of one model. `secrets` are removed from servers' messages."""

    def __init__(self, wire: Asking, settings: HttpSettings, secrets: Secrets, messages: ErrorMessages) -> None:
        self._wire, self._settings, self._secrets, self._messages = wire, settings, secrets, messages
        self._digest = wire.digest()
        self._fixed: dict[Sampling, bytes] = {}
        self.exchange: Exchange

    async def ask(self, replica: Replica, request: Request) -> Completion:
        """Make one attempt; Failure if it gave no row."""
        began = time.perf_counter()
        fixed = self._fixed.get(request.sampling)
        if fixed is None:
            fixed = self._fixed[request.sampling] = self._wire.fixed(request.sampling)
        body = self._wire.body(request, fixed)
        try:
            most = self._settings.reply_bytes or min(MOST_BODY, self._wire.most(body, request.sampling))
            reply = await self.exchange.post(replica, self._wire.path, body, most)
            answer = self._wire.read(read_object(reply), request)
        except Failure as failure:
            answer = _about_the_prompt(failure, self._secrets, lenient=self._settings.max_failed is not None)
        answer.hide(self._secrets.hide)
        return self._completion(request, answer, time.perf_counter() - began)

    async def probe(self, replica: Replica) -> None:
        """Check that a server is there, accepts the key and has the model; Failure or SetupError if not."""
        try:
            served = tuple(map(self._secrets.hide, served_models(await self.exchange.models(replica))))
        except Failure as failure:
            if failure.status in (404, 405, 501):
                return  # it is there, and has no list
            if failure.status is not None and failure.status not in (401, 403):
                failure.again = True
            raise
        self._messages.served[replica.name] = served
        names = {self._wire.model, f"{self._wire.model}:latest"}  # Ollama lists `name:latest` for what one asks as `name`
        if replica.server.listed and served and names.isdisjoint(served):
            raise Failure("unknown_model", again=False, status=404)

    def _completion(self, request: Request, answer: ServerAnswer, seconds: float) -> Completion:
        prices = None if self._settings.prices is None else self._settings.prices.of(self._wire.model)
        logprobs = answer.logprobs
        unsaid = bool(request.sampling.stop) and answer.finish == "stop" and not answer.says_stop
        return completion_of(
            request,
            (self._wire.engine, self._wire.model, self._digest),
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
            meta={**answer.notes, STOP: None} if unsaid else answer.notes,
        )


def _about_the_prompt(failure: Failure, secrets: Secrets, *, lenient: bool) -> ServerAnswer:
    """The empty answer for a refusal of this particular prompt; any other failure is raised."""
    # Hidden here and not only when shown: this text is stored in the row, and a server may echo the key.
    failure.detail = secrets.hide(failure.detail)[:MOST_DETAIL]
    kind = kind_of(failure, lenient=lenient)
    if kind is None:
        raise failure
    return ServerAnswer("", "length", tokens_out=0, notes={"cause": failure.detail, "finish_reason": kind})
