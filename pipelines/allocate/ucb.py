"""Allocator `ucb`: the arm whose upper confidence bound is largest (Auer, Cesa-Bianchi & Fischer 2002, UCB1).

The bound is mean + c sqrt(2 ln t / n) after t pulls, n of them of the arm, divided by the cost of a pull. It spends on good
arms while it learns; to find the best arm alone, `halving` needs fewer pulls.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rollmill.pipelines.allocate.arms import ROLE, ArmOptions, Arms, PullCosts, pulls_one_by_one, tie_break
from rollmill.pipelines.option_checks import checked_positive


@dataclass(frozen=True, slots=True)
class Ucb(ArmOptions):
    """Within a batch, planned pulls count as made, with the mean so far."""

    name = "ucb"
    version = "1"
    c: float = 1.0
    """Weight of the bonus of rarely pulled arms."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_positive(ROLE, self.name, "c", self.c)

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """One batch."""
        means = {name: arm.mean() for name, arm in counts.items()}

        def highest(able: list[str], planned: Counter[str]) -> str:
            pulls = {name: len(counts[name].pulls) + planned[name] for name in counts}
            log = 2 * math.log(max(2, sum(pulls.values())))

            def bound(name: str) -> float:
                if not pulls[name]:
                    return math.inf
                return (max(0.0, means[name]) + self.c * math.sqrt(log / pulls[name])) / costs.get(name, 1.0)

            return min(able, key=lambda name: (-bound(name), tie_break(name)))

        return pulls_one_by_one(self, counts, costs, highest)
