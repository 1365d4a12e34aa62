"""Spending of allocations over their rounds: pulls of each arm so far, as a mean over repeated allocations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.ground.ids import digits
from rollmill.ground.pool import Floats
from rollmill.pipelines.allocate.allocation_rounds import Allocation

MOST_ROUNDS = 40  # rounds that a report keeps, so that its size does not grow with the spending
ENDS = (0.05, 0.95)  # quantiles over the allocations


@dataclass(frozen=True, slots=True)
class ArmSpending:
    """Pulls of every arm (arms, rounds) up to the end of each of these rounds; round 0 is the beginning, without pulls.

    `mean`: over the allocations. `low`, `high`: the 5% and the 95% quantile over them.
    """

    arms: tuple[str, ...]
    rounds: tuple[int, ...]
    mean: Floats
    low: Floats
    high: Floats

    def row(self, group: int = 1) -> dict[str, Any]:
        """The completions, `group` a pull, as JSON values."""
        parts = {"mean": self.mean, "low": self.low, "high": self.high}
        return {
            "rounds": list(self.rounds),
            "arms": {
                arm: {name: [digits(float(group * pulls)) for pulls in part[place]] for name, part in parts.items()}
                for place, arm in enumerate(self.arms)
            },
        }


def spending_of(allocations: Sequence[Allocation]) -> ArmSpending:
    """The spending of allocations over the same arms. One that ended earlier keeps its last pulls; of many rounds, at most
    MOST_ROUNDS after the beginning are taken, evenly spaced and with the last.
    """
    arms = tuple(sorted(allocations[0].arms))
    last = max(len(allocation.rounds) for allocation in allocations)
    rounds = np.linspace(0, last, min(last, MOST_ROUNDS) + 1).round().astype(np.int64)
    pulls = np.array([[_pulls(allocation, arm, last)[rounds] for arm in arms] for allocation in allocations])
    low, high = np.quantile(pulls, ENDS, axis=0)
    return ArmSpending(arms, tuple(rounds.tolist()), pulls.mean(axis=0), low, high)


def _pulls(allocation: Allocation, arm: str, last: int) -> Floats:
    """Pulls of an arm after 0, 1, ..., `last` rounds."""
    made = np.zeros(last + 1)
    made[1 : len(allocation.rounds) + 1] = [plan.get(arm, 0) for plan in allocation.rounds]
    total: Floats = made.cumsum()
    return total
