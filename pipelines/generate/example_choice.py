"""Choice of worked examples for each problem: the same ones for all, some at random, or the nearest by BM25.

Yuan et al. 2023 (arXiv:2308.01240) compare these three; which one is used is a factor of an evaluation like the number of
examples.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rollmill.ground.ids import digest128

WAYS = ("first", "random", "nearest")
"""Ways to choose: the first of the set for every problem, a sample for each problem, or the nearest to it."""


class Example(NamedTuple):
    """A worked example: a question and its answer; with a skill it is shown before the problems of that skill only."""

    question: str
    answer: str
    skill: str | None = None


@dataclass(frozen=True)
class ExampleChoice:
    """Chooses `count` examples for each problem, in one of WAYS. The example nearest to the problem comes last, next to it.

    `seed`: seed of random examples, which depend on seed and problem only.
    """

    way: str
    count: int
    seed: int = 0
    _nearest: dict[tuple[Example, ...], "_Nearest"] = field(default_factory=dict, compare=False, repr=False)

    def of(self, question: str, examples: Sequence[Example]) -> list[Example]:
        """Examples of a problem with this text, among those that may be shown before it."""
        if self.way == "first":
            return list(examples[: self.count])
        if self.way == "random":
            rng = random.Random(digest128(["examples", self.seed, question]))
            return rng.sample(list(examples), min(self.count, len(examples)))
        known = tuple(examples)
        if known not in self._nearest:
            self._nearest[known] = _Nearest(known)
        return self._nearest[known].to(question, self.count)


class _Nearest:
    """Examples in an index of words."""

    def __init__(self, examples: tuple[Example, ...]) -> None:
        from rollmill.pipelines.contamination.texts import tokens
        from rollmill.pipelines.generate.bm25 import BM25

        self.examples = examples
        self.index = BM25([tokens(example.question) for example in examples])

    def to(self, question: str, count: int) -> list[Example]:
        """The nearest last; examples that share no word with the problem fill up in their order."""
        from rollmill.pipelines.contamination.texts import tokens

        scores = self.index.scores(tokens(question))
        order = sorted(range(len(self.examples)), key=lambda at: (-scores[at], at))[:count]
        return [self.examples[at] for at in reversed(order)]
