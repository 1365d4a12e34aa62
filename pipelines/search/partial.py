"""A begun answer as a process is given it, and what a process is: a number for a text that is not finished yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.records import Problem


@dataclass(frozen=True, slots=True)
class Partial:
    """The whole text so far, whether it is finished, and the tokens and summed log-probability of all its pieces."""

    text: str
    finished: bool
    tokens: int
    logprob: float | None = None


class Process(Protocol):
    """Scores begun answers of one problem without looking at verdicts: a pure function of problem and text."""

    name: str
    version: str

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """One number from 0 to 1 each, in order."""
        ...
