"""Arms of an allocation with their committed pulls, and the protocol of allocators.

An arm is a model, a prompt, a setting, a source or a group of problems. One pull of an arm draws `group` completions of one
problem. An allocator is a pure function of the committed pulls, so a resumed run repeats its choices.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from rollmill.ground.ids import digest128
from rollmill.pipelines.option_checks import checked_count, checked_positive

ROLE = "allocator"
COST_SLACK = 1e-9  # of a sum of costs


class Pull(NamedTuple):
    """One pull: judged completions of a problem, how many of them are correct, and the task that the problem belongs to."""

    drawn: int
    right: float
    task: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """Committed pulls of an arm, in order; `left`: pulls that can still be made, None for no limit."""

    pulls: tuple[Pull, ...] = ()
    left: int | None = None

    @property
    def open(self) -> bool:
        """True if another pull can be made."""
        return self.left is None or self.left > 0

    def mean(self, start: int = 0, end: int | None = None) -> float:
        """Share of correct completions in these pulls; -1 without one."""
        pulls = self.pulls[start:end]
        drawn = sum(pull.drawn for pull in pulls)
        return math.fsum(pull.right for pull in pulls) / drawn if drawn else -1.0


Arms = Mapping[str, Arm]
PullCosts = Mapping[str, float]
"""Cost of one pull by arm."""


class Allocator(Protocol):
    """Decides which arms are pulled next.

    `group`: completions of a pull. `total`: the largest cost of all pulls.
    """

    name: str
    version: str

    @property
    def group(self) -> int: ...

    @property
    def total(self) -> float: ...

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """Pulls to make by arm, a pure function of its arguments; empty when the allocation is done."""

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> Sequence[str]:
        """All arms, the chosen one first."""


@runtime_checkable
class VouchingAllocator(Allocator, Protocol):
    """An allocator whose answer is the order of all arms, with a bound on the chance that it is wrong."""

    def doubts(self, counts: Arms) -> Sequence[str]:
        """Sentences about the parts of the order that the bound does not cover; empty if it covers the whole order."""


@dataclass(frozen=True, slots=True)
class ArmOptions:
    """Limits of spending that most allocators share, as their options."""

    total: float = 1000
    """Largest cost of all pulls; a pull costs 1 unless costs are given."""
    batch: int = 16
    """Pulls of a round, between two commits."""
    group: int = 1
    """Completions of one problem in a pull."""

    def __post_init__(self) -> None:
        name = str(getattr(self, "name", ""))
        checked_positive(ROLE, name, "total", self.total)
        checked_count(ROLE, name, "batch", self.batch)
        checked_count(ROLE, name, "group", self.group)

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - the means say it
        """The arms by their share of correct completions."""
        return arms_by_mean(counts)


def arms_by_mean(counts: Arms) -> list[str]:
    """The arms by their share of correct completions, the best first; equal ones in a fixed random order."""
    return sorted(counts, key=lambda arm: (-counts[arm].mean(), tie_break(arm)))


@cache
def tie_break(arm: str) -> str:
    """A fixed random place of an arm among equal ones."""
    return digest128(["tie", arm])


def cost_of_pulls(counts: Arms, costs: PullCosts) -> float:
    """Cost of all committed pulls."""
    return math.fsum(len(arm.pulls) * costs.get(name, 1.0) for name, arm in counts.items())


def random_of_round(seed: int, counts: Arms, stream: int = 0) -> np.random.Generator:
    """The random numbers of one round, by the seed and the number of committed pulls."""
    return np.random.default_rng([seed, stream, sum(len(arm.pulls) for arm in counts.values())])


def pulls_one_by_one(
    limits: ArmOptions, counts: Arms, costs: PullCosts, choose: Callable[[list[str], Counter[str]], str]
) -> Counter[str]:
    """A batch of pulls, each chosen among the open and affordable arms in view of the batch so far."""
    planned: Counter[str] = Counter()
    left = limits.total - cost_of_pulls(counts, costs)
    for _ in range(limits.batch):
        able = [
            name
            for name, arm in sorted(counts.items())
            if costs.get(name, 1.0) <= left + COST_SLACK and (arm.left is None or planned[name] < arm.left)
        ]
        if not able:
            break
        chosen = choose(able, planned)
        planned[chosen] += 1
        left -= costs.get(chosen, 1.0)
    return planned


def pulls_by_weight(
    limits: ArmOptions, counts: Arms, costs: PullCosts, weights: Mapping[str, float], seed: int
) -> Counter[str]:
    """A batch of pulls drawn with these weights; equal weights where those of all open arms are 0."""
    generator = random_of_round(seed, counts)

    def choose(able: list[str], planned: Counter[str]) -> str:
        del planned
        shares = np.array([weights[name] for name in able])
        chances = shares / shares.sum() if shares.sum() > 0 else None
        return able[int(generator.choice(len(able), p=chances))]

    return pulls_one_by_one(limits, counts, costs, choose)
