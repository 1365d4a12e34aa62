"""Random choices of a decoding method, drawn from uniforms, or enumerated for the exact distribution.

A method that takes all its randomness from a Chooser can be run once for each sequence of choices. The probability of a
result is then a sum, without sampling error.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

import numpy as np

from rollmill.ground.pool import Floats

T = TypeVar("T", bound=Hashable)


class Chooser(Protocol):
    """Source of random choices."""

    def pick(self, weights: Floats) -> int:
        """An index drawn with probability proportional to its weight; an index of weight 0 is never drawn."""


class DrawnChooser:
    """Choices by uniforms of 53 bits, one for each choice."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def pick(self, weights: Floats) -> int:
        cumulative = np.cumsum(weights)
        return int((cumulative > self._generator.random() * cumulative[-1]).argmax())


class _ReplayedChooser:
    """Choices that are fixed up to a place; after it, the first possible one of each."""

    def __init__(self, fixed: tuple[int, ...]) -> None:
        self._fixed = fixed
        self.path: list[int] = []
        self.others: list[list[int]] = []
        self.chance = 1.0

    def pick(self, weights: Floats) -> int:
        possible = np.flatnonzero(weights > 0).tolist()
        known = len(self.path) < len(self._fixed)
        chosen = self._fixed[len(self.path)] if known else possible[0]
        self.others.append([] if known else possible[1:])
        self.path.append(chosen)
        self.chance *= float(weights[chosen] / weights.sum())
        return int(chosen)


def result_chances(method: Callable[[Chooser], T]) -> dict[T, float]:
    """The probability of each result of a method, over all its choices; they must be finitely many."""
    chances: defaultdict[T, float] = defaultdict(float)
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        chooser = _ReplayedChooser(waiting.pop())
        chances[method(chooser)] += chooser.chance
        for depth, others in enumerate(chooser.others):
            waiting += [(*chooser.path[:depth], other) for other in others]
    return dict(chances)
