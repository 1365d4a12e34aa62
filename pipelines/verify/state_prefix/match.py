"""States, and how far one solution goes along another. A state is the values computed so far, in no order and without
names.

`exact`: a state matches a known one when both hold the same values (the paper's key). `covers`: when it holds all values
of the known one and perhaps more, for solutions that take smaller steps. Both ignore names, so equal values of another
meaning match.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Matching = Literal["exact", "covers"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)
State = tuple[str, ...]
"""The values so far, each as its canonical text, sorted."""


@dataclass(frozen=True, slots=True)
class Path:
    """The states of a solution after each step, and its final value; `ended`: why it ended early."""

    states: tuple[State, ...]
    final: str | None
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The furthest step of a solution whose state a known solution has too, after how many of that one's steps (from 1)."""

    step: int
    known_step: int
    known_steps: int

    @property
    def share(self) -> float:
        """How much of the known solution was reached."""
        return self.known_step / self.known_steps if self.known_steps else 0.0


def furthest(path: Path, known: Path, matching: Matching) -> Match:
    """The longest prefix of a path that leads to a state of the known one."""
    best = Match(0, 0, len(known.states))
    table = {state: index for index, state in enumerate(known.states, start=1)}
    for step, state in enumerate(path.states, start=1):
        index = table.get(state, 0) if matching == "exact" else _covered(state, known.states)
        if index:
            best = Match(step, max(index, best.known_step), len(known.states))
    return best


def states_of(values: Sequence[str]) -> tuple[State, ...]:
    """The states of a solution that computes these values one after another."""
    return tuple(tuple(sorted(values[:count])) for count in range(1, len(values) + 1))


def _covered(state: State, known: Sequence[State]) -> int:
    """The last known state whose values are all among these."""
    held = Counter(state)
    return max((index for index, one in enumerate(known, start=1) if not Counter(one) - held), default=0)
