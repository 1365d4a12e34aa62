"""Allocator `ranking`: the order of all arms, wrong with a chance of at most `delta` (after Saad, Verzelen & Carpentier
2023, active ranking).

Each arm has a Hoeffding interval that holds at every number of pulls at once (union bound over arms and looks). The arms
whose intervals overlap a neighbour's are pulled, the least pulled first; it stops when no neighbours overlap. The bound is
ours and needs independent pulls; the paper's method compares pairs of experts on the same tasks.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from pipelines.allocate.arms import ROLE, Arm, ArmOptions, Costs, Counts, by_mean, lot, one_by_one
from pipelines.option_checks import checked_share


@dataclass(frozen=True, slots=True)
class Ranking(ArmOptions):
    """Stops early, or at `total`; then the order of the arms in `undecided` is not vouched for."""

    name = "ranking"
    version = "1"
    delta: float = 0.05
    """Largest chance of a wrong order."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_share(ROLE, self.name, "delta", self.delta)

    def next(self, counts: Counts, costs: Costs, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """One batch for the arms whose place is not decided; nothing when all are."""
        unsure = self.undecided(counts)
        if not unsure:
            return {}

        def fewest(able: list[str], planned: Counter[str]) -> str:
            return min(able, key=lambda name: (name not in unsure, len(counts[name].pulls) + planned[name], lot(name)))

        planned = one_by_one(self, counts, costs, fewest)
        return {name: count for name, count in planned.items() if name in unsure}

    def undecided(self, counts: Counts) -> set[str]:
        """The arms whose interval overlaps a neighbour's."""
        order = by_mean(counts)
        radius = {name: self.radius(arm, len(counts)) for name, arm in counts.items()}
        gaps = [(pair, counts[pair[0]].mean() - counts[pair[1]].mean()) for pair in pairwise(order)]
        return {name for pair, gap in gaps if gap <= radius[pair[0]] + radius[pair[1]] for name in pair}

    def radius(self, arm: Arm, arms: int) -> float:
        """Half width of an arm's interval, which holds for all numbers of pulls together with chance 1 - delta / arms."""
        pulls = len(arm.pulls)
        if not pulls or not self.delta:
            return math.inf
        return math.sqrt(math.log(math.pi**2 * arms * pulls**2 / (3 * self.delta)) / (2 * pulls))
