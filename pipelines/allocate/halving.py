"""Allocators `halving` and `brackets`: the best arm, from rounds that each drop the worse half.

Sequential halving (Karnin, Koren & Somekh 2013) splits the total over log2 n rounds, and each round's part evenly over the
remaining arms. If the total is small for the number of arms, brackets (after Zhao, Stephens, Szepesvari & Jun 2023) run it
on random subsets of 2, 4, 8, ... arms and compare their winners. The details of the brackets are ours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.arms import COST_SLACK, ROLE, ArmOptions, Arms, PullCosts, tie_break


@dataclass(slots=True)
class _Walk:
    """Pulls due to each arm by the rounds so far; `missing`: those not committed yet, which end the replay."""

    counts: Arms
    costs: PullCosts
    pooled: bool
    due: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def round(self, arms: Sequence[str], cost: float) -> list[str] | None:
        """The arms by their means after so much cost, shared evenly; None while pulls are missing."""
        before = {arm: self.due.get(arm, 0) for arm in arms}
        for arm in arms:
            # The slack rounds a quotient such as 2.9999999999, which is 3 pulls, up to its whole number.
            due = before[arm] + int(cost / len(arms) / self.costs.get(arm, 1.0) + COST_SLACK)
            left = self.counts[arm].left
            # Without this bound an arm that has no pulls left would keep its round open for ever.
            self.due[arm] = due if left is None else min(due, len(self.counts[arm].pulls) + left)
        lacking = {arm: self.due[arm] - len(self.counts[arm].pulls) for arm in arms}
        self.missing = {arm: count for arm, count in lacking.items() if count > 0}
        if self.missing:
            return None
        # An arm without a pull in this round has no mean of it, so all of its pulls count.
        start = {arm: 0 if self.pooled or self.due[arm] == before[arm] else before[arm] for arm in arms}
        means = {arm: self.counts[arm].mean(start[arm], self.due[arm]) for arm in arms}
        return sorted(arms, key=lambda arm: (-means[arm], tie_break(arm)))

    def halve(self, arms: Sequence[str], cost: float) -> list[str] | None:
        """All arms, the survivor first, later dropped ones before earlier ones; None while pulls are missing."""
        rounds, dropped, order = rounds_of(len(arms)), list[str](), list(arms)
        for _ in range(rounds):
            ranked = self.round(order, cost / rounds)
            if ranked is None:
                return None
            # Rounded up: 5 arms become 3, 2 and 1 in the 3 rounds that `rounds_of` counts.
            keep = math.ceil(len(ranked) / 2)
            order, dropped = ranked[:keep], [*ranked[keep:], *dropped]
        return [*order, *dropped]


def rounds_of(arms: int) -> int:
    """Rounds until one of so many arms remains."""
    return math.ceil(math.log2(arms)) if arms > 1 else 0


@dataclass(frozen=True, slots=True)
class Halving(ArmOptions):
    """The best arm by sequential halving: rounds that each drop the worse half of the arms.

    One round is one commit; `batch` is not read.
    """

    name = "halving"
    version = "1"
    pooled: bool = True
    """Compare arms by all their pulls; false: by those of the round alone, as published."""

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """The missing pulls of the current round."""
        walk = _Walk(counts, costs, self.pooled)
        # By the dearest arm, since a round gives every arm the same cost and not the same number of pulls.
        dearest = max((costs.get(arm, 1.0) for arm in counts), default=0.0)
        least = len(counts) * dearest * rounds_of(len(counts))
        if self.total < least:
            raise SetupError(
                f"{ROLE} {self.name!r}: a total of {self.total:g} gives {len(counts)} arms no pull in every round.",
                choices=(f"a total of at least {least:g}",),
                next_command="allocator brackets, which tries random subsets of the arms",
            )
        walk.halve(sorted(counts), self.total)
        return walk.missing

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:
        """The survivor, then the others by when they were dropped; by their means before the end."""
        order = _Walk(counts, costs, self.pooled).halve(sorted(counts), self.total)
        return order if order is not None else ArmOptions.answer(self, counts, costs, seed)


@dataclass(frozen=True, slots=True)
class Brackets(ArmOptions):
    """The best of the winners of sequential halving on random subsets of 2, 4, 8, ... arms, for few pulls of many arms.

    Each bracket and the comparison of their winners get equal parts of the total; `batch` is not read.
    """

    name = "brackets"
    version = "1"

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """The missing pulls of the current round of the current bracket."""
        return self._walk(counts, costs, seed)[0].missing

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:
        """The best of the brackets' winners, then all others by their means."""
        order = self._walk(counts, costs, seed)[1] or []
        return [*order, *(arm for arm in ArmOptions.answer(self, counts, costs, seed) if arm not in order)]

    def _walk(self, counts: Arms, costs: PullCosts, seed: int) -> tuple[_Walk, list[str] | None]:
        # One walk over all brackets, so that an arm's pulls in earlier brackets count in later ones.
        walk, winners = _Walk(counts, costs, pooled=True), list[str]()
        subsets = self.subsets(sorted(counts), costs, seed)
        share = self.total / (len(subsets) + 1)
        for arms in subsets:
            order = walk.halve(arms, share)
            if order is None:
                return walk, None
            # An arm may win several brackets and is compared once.
            winners += [order[0]] if order[0] not in winners else []
        return walk, walk.round(winners, share)

    def subsets(self, arms: Sequence[str], costs: PullCosts, seed: int) -> list[list[str]]:
        """The arms of each bracket: 2, 4, 8, ... at random, at most as many as its part pulls in each round."""
        # By the dearest arm, so that every arm is pulled in each round whichever arms a bracket draws.
        dearest = max(costs.get(arm, 1.0) for arm in arms)
        sizes = [min(len(arms), 1 << power) for power in range(1, rounds_of(len(arms)) + 1)] or [1]
        while len(sizes) > 1 and self.total / (len(sizes) + 1) < sizes[-1] * rounds_of(sizes[-1]) * dearest:
            sizes.pop()
        # Not `random_of_round`: the subsets must stay the same while pulls are committed.
        generator = np.random.default_rng([seed, 1])
        return [[arms[place] for place in sorted(generator.permutation(len(arms))[:size].tolist())] for size in sizes]
