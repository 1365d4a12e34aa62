"""What is asked of a server: the recipe's options as an identity, a rendered prompt and request bodies.

Everything here can change a row, so all of it is in the recipe. Knows no sockets and no replies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.generate.prompts import messages_of, plain_text
from storage.errors import SetupError, unknown_name
from storage.ids import digest128
from storage.records import Prompt, Request, Sampling

APIS = {"chat": "chat/completions", "completions": "completions"}
LIMITS = ("max_tokens", "max_completion_tokens")
# What Rollmill sets itself; the rest of a body is the recipe's to add.
OURS = frozenset(
    {"model", "messages", "prompt", "temperature", "top_p", "top_k", "stop", "seed", "n", "stream", *LIMITS}
) | {"logprobs", "top_logprobs", "reasoning_effort"}
SEED_BITS = 31  # what every server takes: llama.cpp reads 32 bits, others signed 32


@dataclass(frozen=True, slots=True)
class Wire:
    """The options of a recipe that decide what a server is asked; see docs/engines.md for each."""

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
        """The identity of what is asked beyond prompt, sampling and seed: all that can be known of a remote model."""
        parts = [self.model, self.revision, self.api, dict(self.extra), self.logprobs, self.reasoning]
        return digest128(["openai", *parts, self.seed_bits, self.limit])

    @property
    def path(self) -> str:
        """Where requests go, relative to a server's URL."""
        return APIS[self.api]

    def render(self, prompt: Prompt) -> str:
        """The prompt as it is sent: JSON of the messages, or the text itself. The server's template is not known here."""
        if self.api == "completions":
            return plain_text(prompt)
        return json.dumps(messages_of(prompt, self.system), separators=(",", ":"))

    def fixed(self, sampling: Sampling) -> bytes:
        """The part of a body that is the same for every request of a sampling, without its closing brace."""
        body: dict[str, Any] = {
            "model": self.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.limit: sampling.max_tokens,
            "n": 1,
            "stream": False,
        }
        body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        body |= {"stop": list(sampling.stop)} if sampling.stop else {}
        body |= self._logprobs() | dict(self.extra) | self._reasoning()
        return json.dumps(body, separators=(",", ":"))[:-1].encode("ascii")

    def body(self, request: Request, fixed: bytes) -> bytes:
        """The whole body of a request; `rendered` of a chat is JSON already."""
        chat = self.api == "chat"
        prompt = request.rendered if chat else json.dumps(request.rendered)
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
