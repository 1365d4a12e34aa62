"""Base of engines without a model: a completion is a pure function of the request's prompt, its seed and the options.

A prompt is a text, or messages: those with the role `option` are named options filled for this request, and the texts of
the others are joined. A text that an engine cannot process gives a row with an empty text and the reason in `meta.failed`,
because texts come from models.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Completion, Prompt, Request, prompt_json
from rollmill.pipelines.generate.calls import completion_of

OPTION = "option"
"""The role of a message that holds an option's value; its name is the option's."""


@dataclass(frozen=True, slots=True)
class MadeText:
    """Output of an engine for a text. `seconds`: CPU seconds, if recorded."""

    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None


def failed(why: str) -> MadeText:
    """An empty result with its reason."""
    return MadeText("", {"failed": why})


def text_and_options(prompt: Prompt) -> tuple[str, dict[str, str]]:
    """The text of a prompt, and the options that came with it."""
    if isinstance(prompt, str):
        return prompt, {}
    options = {message.name or "": message.content for message in prompt if message.role == OPTION}
    return "\n\n".join(message.content for message in prompt if message.role != OPTION), options


class ModelFree:
    """A Generator. A subclass has `engine` and `made`, and gives `identity`: everything besides the request that determines
    its texts.
    """

    engine: str
    spooled = False
    follows = True
    """True for an engine that makes texts of completions of earlier steps; False for one that answers problems itself."""
    takes: Sequence[str] = ()
    """The options that a request may bring."""

    def __init__(self, model: str, identity: Sequence[Any]) -> None:
        self.model = model
        self.model_digest = digest128([self.engine, model, *identity])

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """Output for a text; never raises on what a model wrote."""
        raise NotImplementedError

    def fingerprint(self) -> Mapping[str, str]:
        """The digest, and the interpreter whose parser and random generator are used."""
        return {"engine": self.engine, "model": self.model_digest, "python": python_version()}

    def render(self, prompt: Prompt) -> str:
        """A text unchanged; messages as canonical JSON."""
        return prompt if isinstance(prompt, str) else canonical_json(prompt_json(prompt))

    def prompt_tokens(self, rendered: str) -> int:
        """Number of prompt tokens: 0, as no model reads them."""
        del rendered
        return 0

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, in their order."""
        for request in requests:
            yield self._completion(request)

    def close(self) -> None:
        """Nothing to release."""

    def _completion(self, request: Request) -> Completion:
        text, options = text_and_options(request.prompt)
        unknown = next((name for name in options if name not in self.takes), None)
        if unknown is not None:
            raise SetupError(f"engine {self.engine!r}: {self.model!r} takes no option {unknown!r}.", choices=self.takes)
        made_text = self.made(text, options, request.seed)
        return completion_of(
            request,
            (self.engine, self.model, self.model_digest),
            text=made_text.text,
            finish_reason="stop",
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            seconds=made_text.seconds,
            meta=made_text.meta,
        )


def check_named(engine: str, model: str) -> None:
    """SetupError if an engine with one way to work is given another name of a model than its own."""
    if model != engine:
        raise SetupError(f"engine {engine!r} has no model {model!r}.", choices=(engine,))


def python_version() -> str:
    """The version of Python that texts may depend on."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
