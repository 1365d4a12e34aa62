"""The toy engine of all tests and benchmarks, and toy problems; copied into a workspace it is a user's own file.

A `Toy` answers each request with a pure function of it, which a subclass gives. `ToyEngine` is the one that recipes name:
right with a known chance, it counts its calls in a file when TOY_CALLS names one, takes TOY_SLEEP seconds each, and waits
while the file that TOY_HOLD names is there, two minutes at most.
"""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.records import Completion, Problem, Prompt, Request


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


@dataclass
class Toy:
    """A generator that costs nothing. `fail_after`: raises after that many completions; `log`: a line for each of them.

    The log survives a SIGKILL of the process.
    """

    log: Path | None = None
    delay: float = 0.0
    spooled: bool = False
    fail_after: int | None = None
    reverse: bool = False
    model_digest: str = "toy-1"
    engine: str = "toy"
    model: str = "sums"
    closed: bool = False
    made: int = 0

    def answer(self, request: Request) -> Mapping[str, Any]:
        """The text, and what else the completion has."""
        raise NotImplementedError

    def fingerprint(self) -> Mapping[str, str]:
        return {"toy": self.model_digest}

    def render(self, prompt: Prompt) -> str:
        assert isinstance(prompt, str)
        return f"Q: {prompt}\nA:"

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in reversed(requests) if self.reverse else requests:
            if self.fail_after is not None and self.made >= self.fail_after:
                raise ConnectionError("the toy is out of order")
            if self.delay:
                time.sleep(self.delay)
            self.made += 1
            if self.log is not None:
                self._record(self.log, request)
            yield Completion(
                id=request.completion_id,
                prompt_id=request.prompt_id,
                engine=self.engine,
                model=self.model,
                model_digest=self.model_digest,
                stream=request.stream,
                sample_index=request.sample_index,
                seed=request.seed,
                **{"finish_reason": "stop", **self.answer(request)},
            )

    def close(self) -> None:
        self.closed = True

    def _record(self, log: Path, request: Request) -> None:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{request.completion_id}\n".encode())
        os.close(file)


class ToyEngine(Toy):
    def __init__(self, model: str = "toy-1", threads: int = 0, chance: float = 0.9) -> None:
        log = Path(os.environ["TOY_CALLS"]) if "TOY_CALLS" in os.environ else None
        delay = float(os.environ.get("TOY_SLEEP", "0"))
        super().__init__(log, delay, model=model, model_digest=f"digest-{model}-{chance}")
        self.threads, self.chance = threads, chance

    def answer(self, request: Request) -> Mapping[str, Any]:
        self._hold()
        left, right = (int(part) for part in request.rendered.split("What is ")[-1].split("?")[0].split(" + "))
        rng = random.Random(request.seed)
        total = left + right if rng.random() < self.chance else left - right
        opening = rng.choice(["I add them.", "Adding up.", "One by one.", "Carry the one.", "Sum."])
        return {"text": f"{opening} #### {total}", "tokens_in": 4, "tokens_out": 6}

    def _hold(self) -> None:
        until = time.monotonic() + 120
        while (name := os.environ.get("TOY_HOLD")) and Path(name).exists() and time.monotonic() < until:
            time.sleep(0.05)
