"""Allocator `equitable`: training rows for groups by their learning curves.

A pull collects one more batch of training rows of a group; its `right / drawn` is the group's accuracy measured after it.
The loss after n batches is fitted by a + b n^-c with a, b >= 0, again in every round, and the next batch goes to the group
whose predicted fall of the objective is largest for its cost. The objective is the mean over groups of loss^power: 1 gives
the mean loss, a large power the worst group's.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from rollmill.methods import Arm, ArmOptions, Arms, PullCosts, checked_count, checked_positive, pulls_one_by_one, tie_break

EXPONENTS = np.linspace(0.05, 2.0, 40)


class LearningCurve(NamedTuple):
    """The loss after n batches: floor + scale * n^-exponent."""

    floor: float
    scale: float
    exponent: float

    def loss(self, batches: int) -> float:
        """Predicted loss after so many batches."""
        return self.floor + self.scale * math.pow(batches, -self.exponent)


@dataclass(frozen=True, slots=True)
class Equitable(ArmOptions):
    """Every group gets `first` batches before any curve is fitted."""

    name = "equitable"
    version = "1"
    power: float = 4.0
    """Power of the losses in the objective: 1 is the mean, larger ones weigh the worst groups."""
    first: int = 4
    """Batches of every group before curves are fitted."""

    def __post_init__(self) -> None:
        ArmOptions.__post_init__(self)
        checked_positive("allocator", self.name, "power", self.power)
        checked_count("allocator", self.name, "first", self.first, least=3)

    def next(self, counts: Arms, costs: PullCosts, seed: int) -> Mapping[str, int]:  # noqa: ARG002 - nothing is random
        """One batch of pulls, each to the largest predicted fall for its cost."""
        curves = {name: fitted_curve(arm) for name, arm in counts.items() if len(arm.pulls) >= self.first}

        def choose(able: list[str], planned: Counter[str]) -> str:
            held = {name: len(counts[name].pulls) + planned[name] for name in able}
            falls = {name: self._fall(curves.get(name), held[name]) / costs.get(name, 1.0) for name in able}
            return min(able, key=lambda name: (-falls[name], held[name], tie_break(name)))

        return pulls_one_by_one(self, counts, costs, choose)

    def _fall(self, curve: LearningCurve | None, held: int) -> float:
        """Predicted fall of loss^power by one more batch; infinite before the first batches."""
        if curve is None:
            return math.inf if held < self.first else 0.0
        return math.pow(curve.loss(held), self.power) - math.pow(curve.loss(held + 1), self.power)

    def answer(self, counts: Arms, costs: PullCosts, seed: int) -> list[str]:  # noqa: ARG002 - the curves say it
        """The groups by their fitted loss, the largest first."""
        losses = {name: fitted_curve(arm).loss(max(1, len(arm.pulls))) for name, arm in counts.items()}
        return sorted(counts, key=lambda name: (-losses[name], tie_break(name)))


def fitted_curve(arm: Arm) -> LearningCurve:
    """The power law of least squares over the arm's batches, weighted by the completions that measured each; loss 1 without
    batches.
    """
    if not arm.pulls:
        return LearningCurve(1.0, 0.0, 1.0)
    weights = np.sqrt([float(pull.drawn) for pull in arm.pulls])
    losses = np.array([1 - pull.right / pull.drawn if pull.drawn else 1.0 for pull in arm.pulls])
    batches = np.arange(1, len(losses) + 1, dtype=np.float64)
    fits = []
    for exponent in EXPONENTS.tolist():
        design = np.stack([np.ones_like(batches), batches**-exponent], axis=1)
        (floor, scale), error = nnls(design * weights[:, None], losses * weights)
        fits.append((error, exponent, floor, scale))
    _, exponent, floor, scale = min(fits)
    return LearningCurve(float(floor), float(scale), float(exponent))
