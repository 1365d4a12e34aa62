"""Engines that write and solve as a test says, given to synthesizers as the one model that there is."""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.records import Request
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.roles.engine_roles import Sampler
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


NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo", "Kim", "Lea")
THINGS = ("pears", "books", "coins", "eggs", "stamps", "shells", "cups", "nails", "maps", "rings", "kites", "bells")


def written(prompt: str, index: int, *, wrong: bool = False) -> str:
    """Asked for a problem, a sum of its own for every index and prompt; asked a sum, its answer."""
    if "JSON" not in prompt:
        found = re.search(r"has (\d+) \w+ and gets (\d+)", prompt)
        return "I do not know." if found is None else f"#### {int(found[1]) + int(found[2])}"
    rng = random.Random(f"{prompt} {index}")
    name, thing, left, right = rng.choice(NAMES), rng.choice(THINGS), rng.randint(2, 900), rng.randint(2, 900)
    text = f"{name} has {left} {thing} and gets {right} more of them. How many {thing} does {name} have then?"
    return json.dumps({"problem": text, "answer": left + right + wrong})
