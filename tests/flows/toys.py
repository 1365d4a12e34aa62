"""Toy methods as a user would bring them in a file: problems of one sum each, and an engine right with a known chance.

The engine counts its calls in a file when TOY_CALLS names one, can be slow (TOY_SLEEP seconds a completion), and answers
the same for the same seed.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from storage.records import Completion, Problem, Request


class ToyProblems:
    name = "toy-problems"
    version = "1"

    def __init__(self, levels: Sequence[int] = (1, 2, 3), split: str = "train") -> None:
        self.levels, self.split = tuple(levels), split

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        for number in range(budget):
            level = self.levels[number % len(self.levels)]
            left, right = number + seed, 1000 + number if self.split == "train" else 5000 + number
            yield Problem(
                f"What is {left} + {right}?",
                str(left + right),
                source="toy",
                split=self.split,
                level=level,
                skill="sums",
                template=f"sum-{number % 4}",
            )


class ToyEngine:
    engine = "toy"
    spooled = False

    def __init__(self, model: str = "toy-1", threads: int = 0, chance: float = 0.9) -> None:
        self.model, self.model_digest, self.chance = model, f"digest-{model}-{chance}", chance
        self.threads = threads

    def fingerprint(self) -> dict[str, str]:
        return {"engine": "toy"}

    def render(self, prompt: str) -> str:
        return f"Q: {prompt} A:"

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
            if "TOY_CALLS" in os.environ:
                with Path(os.environ["TOY_CALLS"]).open("a") as calls:
                    calls.write(f"{request.completion_id}\n")
            yield self._answer(request)

    def _answer(self, request: Request) -> Completion:
        left, right = (int(part) for part in request.rendered.split("What is ")[-1].split("?")[0].split(" + "))
        rng = random.Random(request.seed)
        answer = left + right if rng.random() < self.chance else left - right
        ways = rng.choice(["I add them.", "Adding up.", "One by one.", "Carry the one.", "Sum."])
        return Completion(
            id=request.completion_id,
            prompt_id=request.prompt_id,
            engine=self.engine,
            model=self.model,
            model_digest=self.model_digest,
            stream=request.stream,
            sample_index=request.sample_index,
            seed=request.seed,
            text=f"{ways} #### {answer}",
            finish_reason="stop",
            tokens_in=4,
            tokens_out=6,
        )

    def close(self) -> None:
        pass
