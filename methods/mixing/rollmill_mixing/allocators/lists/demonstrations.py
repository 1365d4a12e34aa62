"""Arms that are lists of demonstrations: their options, their features, and the pulls of one evaluation.

A list is evaluated by `batch` pulls at once. An allocator learns from the evaluated lists which items matter, or at which
places, and so predicts lists that were never evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rollmill.methods import (
    COST_SLACK,
    ArmOptions,
    Arms,
    PullCosts,
    checked_count,
    cost_of_pulls,
    random_of_round,
    tie_break,
)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ListOptions(ArmOptions):
    """Options of allocators over lists; `batch`: pulls of one evaluation of a list."""

    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Demonstrations of each arm, in order; an arm without a list is a demonstration of its own name."""
    first: int = 8
    """Random lists that are evaluated before any prediction."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_count("allocator", str(getattr(self, "name", "")), "first", self.first)

    def list_of(self, arm: str) -> Sequence[str]:
        """The demonstrations of an arm."""
        return self.lists.get(arm, (arm,))

    def able(self, counts: Arms, costs: PullCosts) -> dict[str, int]:
        """Pulls of one evaluation of each arm that is open and affordable, the arms by name."""
        left = self.total - cost_of_pulls(counts, costs)
        able = {}
        for name, arm in sorted(counts.items()):
            # The slack is for quotients such as 2.9999999999, which are whole numbers of pulls.
            most = int(left / costs.get(name, 1.0) + COST_SLACK)
            # The last evaluation may be smaller than `batch`, where the total or the problems run short.
            count = min(self.batch, most, self.batch if arm.left is None else arm.left)
            if count > 0:
                able[name] = count
        return able

    def at_random(self, able: Mapping[str, int], counts: Arms, seed: int) -> list[str]:
        """Random lists without pulls, as many as `first` lacks."""
        fresh = [name for name in able if not counts[name].pulls]
        lacking = max(0, self.first - sum(bool(arm.pulls) for arm in counts.values()))
        return [fresh[place] for place in random_of_round(seed, counts).permutation(len(fresh))[:lacking].tolist()]

    def affordable(self, names: Sequence[str], able: Mapping[str, int], counts: Arms, costs: PullCosts) -> dict[str, int]:
        """One evaluation of each of these arms in their order, as long as the total suffices."""
        left, plan = self.total - cost_of_pulls(counts, costs), {}
        for name in names:
            cost = able[name] * costs.get(name, 1.0)
            # The order is a ranking: a cheaper list does not overtake one that is too expensive.
            if cost > left + COST_SLACK:
                break
            plan[name] = able[name]
            left -= cost
        return plan


def evaluated(counts: Arms) -> list[str]:
    """The arms with a judged completion, by name."""
    # The mean is -1 without a judged completion.
    return [name for name, arm in sorted(counts.items()) if arm.mean() >= 0.0]


def inclusion(lists: Sequence[Sequence[str]]) -> Doubles:
    """(lists, items): 1 where a list has the item, the items by name."""
    items = sorted({item for each in lists for item in each})
    # The shape is stated, since an array of no lists has one dimension.
    return np.array([[float(item in each) for item in items] for each in lists]).reshape(len(lists), len(items))


def positions(lists: Sequence[Sequence[str]]) -> Doubles:
    """(lists, places * items): 1 where a list has the item at the place."""
    places = {item: place for place, item in enumerate(sorted({item for each in lists for item in each}))}
    table = np.zeros((len(lists), max(map(len, lists), default=0), len(places)))
    for row, each in enumerate(lists):
        for place, item in enumerate(each):
            table[row, place, places[item]] = 1.0
    return table.reshape(len(lists), -1)


def by_value(values: Mapping[str, float]) -> list[str]:
    """The arms by these values, the best first; equal ones in a fixed random order."""
    return sorted(values, key=lambda arm: (-values[arm], tie_break(arm)))
