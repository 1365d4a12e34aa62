"""Engines that write and solve as a test says, given to synthesizers as the one model that there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.generate.direct import DirectSampler
from pipelines.protocols import Sampler
from storage.records import Request
from tests.toys import Toy


@dataclass
class Author(Toy):
    """Says what `say` gives for a prompt and a sample index; a mapping is the completion's own fields."""

    say: Callable[[str, int], str | Mapping[str, Any]] = lambda prompt, _: prompt
    model: str = "author"
    asked: list[str] = field(default_factory=list)

    def render(self, prompt: Any) -> str:
        return str(prompt)

    def answer(self, request: Request) -> Mapping[str, Any]:
        self.asked.append(request.rendered)
        said = self.say(request.rendered, request.sample_index)
        return {"text": said} if isinstance(said, str) else said


@dataclass
class Authors:
    """Samplers of authors by the model's name. `options`: what engines were asked for, by name."""

    authors: Mapping[str, Author]
    options: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = "") -> Sampler:
        assert purpose == "write"
        self.options[f"{engine} {model}"] = options
        return DirectSampler(self.authors[model])
