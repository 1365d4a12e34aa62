"""Role of a round policy: what a loop changes between rounds, as a pure function of the rounds so far.

A killed loop goes on with the same policy state, since a policy keeps none: it is computed anew from stored rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

NORMS = "norms"
NEEDED = (NORMS,)
"""Data that a policy may need besides counts: gradient norms of a round's right rollouts under the next round's model."""
Row = Mapping[str, Any]
Weigh = Callable[[Row], float | None]
"""Weight of a row in the training of its round; None leaves it out."""


@dataclass(frozen=True, slots=True)
class SeenProblem:
    """A problem of a round, with the judged and the right completions of its fixed prefix."""

    id: str
    judged: int
    correct: int
    groups: Mapping[str, Any] = field(default_factory=dict)
    """Its level, skill and template."""


@dataclass(frozen=True, slots=True)
class SeenRound:
    """A round as policies see it. `number`: number of the round, from 0. `norms`: mean gradient norm of right rollouts, by
    problem.
    """

    number: int
    problems: Mapping[str, SeenProblem]
    norms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoundKeys:
    """Keys of the dataset recipe and of the training recipe that have other values in a round."""

    curate: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)


class RoundPolicy(Protocol):
    """Policy of the changes between the rounds of a loop. `needs`: those of NEEDED that it reads."""

    name: str
    version: str
    needs: Sequence[str]

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """The keys of the round that follows `seen`, before it draws."""

    def weigh(self, seen: SeenRound) -> Weigh:
        """The weights of a round's rows, once they are judged."""

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """Numbers of a round for the loop's report."""


class NoChange:
    """A policy that changes nothing: the base of those that change one thing."""

    needs: Sequence[str] = ()

    def keys(self, seen: Sequence[SeenRound]) -> RoundKeys:
        """No key."""
        del seen
        return RoundKeys()

    def weigh(self, seen: SeenRound) -> Weigh:
        """Every row, at weight 1."""
        del seen
        return lambda row: 1.0  # noqa: ARG005

    def figures(self, seen: SeenRound) -> Mapping[str, float]:
        """No number."""
        del seen
        return {}
