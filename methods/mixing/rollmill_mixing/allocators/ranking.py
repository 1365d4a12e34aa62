"""Allocator `ranking`: the order of all arms, wrong with a chance of at most `delta` (after Saad, Verzelen & Carpentier
2023, active ranking).

Each arm has a Hoeffding interval that holds at every number of pulls at once (union bound over arms and looks). The arms
whose intervals overlap a neighbour's are pulled, the least pulled first; it stops when no neighbours overlap. The bound is
ours and needs independent pulls; the paper's method compares pairs of experts on the same tasks.

The paper assumes that of two experts one is better on every task. Here the order is that of the means, which exists without
it; where two arms are surely ordered one way on one task and the other way elsewhere, `doubts` says so.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from rollmill.methods import (
    Arm,
    ArmOptions,
    Arms,
    Pull,
    PullCosts,
    arms_by_mean,
    checked_share,
    pulls_one_by_one,
    tie_break,
)


@dataclass(frozen=True, slots=True)
class Ranking(ArmOptions):
    """Stops early, or at `total`; then the order of the arms in `undecided` is not vouched for."""

    name = "ranking"
    version = "1"
    delta: float = 0.05
    """Largest chance of a wrong order."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_share("allocator", self.name, "delta", self.delta)

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """One batch for the arms whose place is not decided; nothing when all are."""
        unsure = self.undecided(counts)
        if not unsure:
            return {}

        def fewest(able: list[str], planned: Counter[str]) -> str:
            return min(
                able, key=lambda name: (name not in unsure, len(counts[name].pulls) + planned[name], tie_break(name))
            )

        # Where no undecided arm can be pulled, the batch goes on with decided ones; these pulls are dropped.
        planned = pulls_one_by_one(self, counts, costs, fewest)
        return {name: count for name, count in planned.items() if name in unsure}

    def undecided(self, counts: Arms) -> set[str]:
        """The arms whose interval overlaps a neighbour's."""
        order = arms_by_mean(counts)
        radius = {name: self.radius(_judged(arm), len(counts)) for name, arm in counts.items()}
        # Neighbours suffice: if none of their intervals overlap, no other pair's do.
        gaps = [(pair, counts[pair[0]].mean() - counts[pair[1]].mean()) for pair in pairwise(order)]
        return {name for pair, gap in gaps if gap <= radius[pair[0]] + radius[pair[1]] for name in pair}

    def radius(self, pulls: int, intervals: int) -> float:
        """Half width of an interval; all of that many hold at all numbers of pulls with a chance of 1 - delta."""
        # A delta of 0 allows no error, and no interval of finite width has none.
        if not pulls or not self.delta:
            return math.inf
        # Hoeffding's bound with 6 delta / (pi^2 m n^2) for look n at one of m arms, which sums to delta.
        return math.sqrt(math.log(math.pi**2 * intervals * pulls**2 / (3 * self.delta)) / (2 * pulls))

    def doubts(self, counts: Arms) -> Sequence[str]:
        """The arms whose place is not decided, and each pair of arms whose order is not the same on all tasks."""
        unsure = sorted(self.undecided(counts), key=arms_by_mean(counts).index)
        undecided = [f"the order of {', '.join(unsure)} is not decided at delta = {self.delta:g}"] if unsure else []
        return [*undecided, *self._reversals(counts)]

    def _reversals(self, counts: Arms) -> Iterator[str]:
        """Pairs that are surely ordered one way on a task, and the other way on another task or in the mean."""
        tasks = sorted({pull.task for arm in counts.values() for pull in arm.pulls})
        if len(tasks) < 2:
            return
        parts = {(name, task): _of_task(arm.pulls, task) for name, arm in counts.items() for task in tasks}
        # The means are intervals of the same union bound, so `len(parts)` counts them too.
        parts |= {(name, _MEAN): arm for name, arm in counts.items()}
        for first, second in combinations(arms_by_mean(counts), 2):
            gaps = {task: self._sure_gap(parts[first, task], parts[second, task], len(parts)) for task in (*tasks, _MEAN)}
            better, worse = ([task for task, gap in gaps.items() if sign * gap > 0] for sign in (1, -1))
            if better and worse:
                yield (
                    f"{first} is better than {second} ({', '.join(better)}) and worse ({', '.join(worse)}): no order "
                    "holds on every task"
                )

    def _sure_gap(self, first: Arm, second: Arm, intervals: int) -> float:
        """The difference of two means; 0 if their intervals overlap."""
        gap = first.mean() - second.mean()
        return gap if abs(gap) > sum(self.radius(_judged(arm), intervals) for arm in (first, second)) else 0.0


_MEAN = "in the mean"


def _judged(arm: Arm) -> int:
    """Number of pulls with a judged completion; the others tell nothing of the mean."""
    return sum(pull.drawn > 0 for pull in arm.pulls)


def _of_task(pulls: Sequence[Pull], task: str) -> Arm:
    return Arm(tuple(pull for pull in pulls if pull.task == task))
