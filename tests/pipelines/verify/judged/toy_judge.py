"""A judge for tests: an engine that implements the Generator role by a rule, with noise and a liking for a place.

Its chance to say "correct" is 1/2, plus `skill` if the answer is the reference and minus it if not, plus `bias` if the
answer is shown first and minus it if second. It reads the prompt as a model would: by its marks.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.records import Completion, FinishReason, Prompt, Request

BLOCK = re.compile(r"<<<(\w+) (\w+)>>>\n(.*?)\n<<<END \1 \2>>>", re.DOTALL)


@dataclass
class ToyJudge:
    """Deterministic in the request's seed. `mumbles`: the share of completions without a verdict."""

    skill: float = 0.5
    bias: float = 0.0
    mumbles: float = 0.0
    finish: FinishReason = "stop"
    engine: str = "toy"
    model: str = "toy-judge"
    model_digest: str = "1" * 64
    spooled: bool = False
    asked: list[list[Request]] = field(default_factory=list)
    closed: int = 0

    def fingerprint(self) -> Mapping[str, str]:
        return {"engine": self.engine}

    def render(self, prompt: Prompt) -> str:
        assert isinstance(prompt, str)
        return prompt

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        self.asked.append(list(requests))
        for request in reversed(requests):  # in any order
            yield self.answer(request)

    def close(self) -> None:
        self.closed += 1

    def answer(self, request: Request) -> Completion:
        """The completion of one request."""
        chance = random.Random(request.seed)
        names = [name for name, _, _ in BLOCK.findall(request.rendered)]
        texts = {name: text for name, _, text in BLOCK.findall(request.rendered)}
        right = texts.get("REFERENCE", "").strip() == texts["ANSWER"].strip()
        first = names[1] == "ANSWER"
        yes = 0.5 + (self.skill if right else -self.skill) + (self.bias if first else -self.bias)
        said = "correct" if chance.random() < yes else "incorrect"
        text = "I am not sure." if chance.random() < self.mumbles else f"Compared.\nVERDICT: {said}"
        return Completion(
            request.completion_id, request.prompt_id, self.engine, self.model, self.model_digest, request.stream,
            request.sample_index, request.seed, text, self.finish,
        )  # fmt: skip
