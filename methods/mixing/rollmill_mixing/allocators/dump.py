"""Allocator `dump`: sources by their mean absolute advantage (Wang et al. 2025, DUMP).

A pull is a group of completions of one problem. Its mean absolute advantage is the mean of |reward - mean| / standard
deviation over the group: near 2 sqrt(p (1 - p)) for a pass rate p, so solved and unsolvable sources both lose weight. The
weights are a softmax of the window's mean plus a bonus for rarely pulled sources.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rollmill.methods import Arm, ArmOptions, Arms, Pull, PullCosts, checked_count, checked_positive, pulls_by_weight


@dataclass(frozen=True, slots=True)
class Dump(ArmOptions):
    """The first arm of the answer has the largest mean absolute advantage."""

    name = "dump"
    version = "1"
    group: int = 16
    """Completions of one problem in a pull."""
    window: int = 300
    """Number of last pulls of a source that count."""
    temperature: float = 0.1
    """Temperature of the softmax; larger values give more equal weights."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_count("allocator", self.name, "group", self.group, least=2)
        checked_count("allocator", self.name, "window", self.window)
        checked_positive("allocator", self.name, "temperature", self.temperature)

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:
        """One batch, drawn by the weights."""
        return pulls_by_weight(self, counts, costs, self.weights(counts), seed)

    def weights(self, counts: Arms) -> dict[str, float]:
        """Sampling weights of the sources, of sum 1."""
        pulls = sum(len(arm.pulls) for arm in counts.values())
        bonus = {name: math.sqrt(2 * math.log(pulls + 1) / (len(arm.pulls) + 1)) for name, arm in counts.items()}
        worth = {name: (self.learnability(arm) + bonus[name]) / self.temperature for name, arm in counts.items()}
        top = max(worth.values())
        powers = {name: math.exp(value - top) for name, value in worth.items()}
        return {name: power / math.fsum(powers.values()) for name, power in powers.items()}

    def learnability(self, arm: Arm) -> float:
        """Mean absolute advantage over the window; 0 without a pull."""
        last = arm.pulls[-self.window :]
        return math.fsum(absolute_advantage(pull) for pull in last) / len(last) if last else 0.0

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - the window says it all
        """The sources by learnability."""
        return sorted(counts, key=lambda name: (-self.learnability(counts[name]), name))


def absolute_advantage(pull: Pull) -> float:
    """Mean of |reward - mean| / standard deviation (divisor n - 1) of right and wrong completions; 0 if all are equal."""
    share = pull.right / pull.drawn if pull.drawn else 0.0
    return 2 * math.sqrt(share * (1 - share) * (pull.drawn - 1) / pull.drawn) if 0 < share < 1 else 0.0
