"""Reflective verification: a target mixed with its own distribution after reflection. Accepts more drafts; lossy.

After Wang et al. 2025, Think before you accept, arXiv:2505.18629. The mixture differs from the target, so its divergence is
reported with its gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


@dataclass(frozen=True, slots=True)
class FusedModel:
    """Target (1 - weight) p + weight r of a model p and a reflecting one r. Not lossless unless the weight is 0."""

    model: StepModel
    reflecting: StepModel
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise SetupError(f"the weight of reflection is {self.weight}.", choices=("0 (lossless) to 1",))

    @property
    def vocabulary(self) -> int:
        return self.model.vocabulary

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        p, r = np.exp(self.model.next(prefixes)), np.exp(self.reflecting.next(prefixes))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(fused(p, r, self.weight)))


@dataclass(frozen=True, slots=True)
class FusionCost:
    """`acceptance`: probability that one draft of q is accepted. `divergence`: KL of the mixture from p, in nats."""

    acceptance: float
    divergence: float


def fused(p: Floats, r: Floats, weight: float) -> Floats:
    """The mixture."""
    return np.asarray((1 - weight) * p + weight * r)


def fusion_cost(p: Floats, r: Floats, q: Floats, weight: float) -> FusionCost:
    """Gain and cost of a weight at one prefix."""
    mixed = fused(p, r, weight)
    possible = mixed > 0
    with np.errstate(divide="ignore"):
        divergence = float((mixed[possible] * (np.log(mixed[possible]) - np.log(p[possible]))).sum())
    return FusionCost(float(np.minimum(mixed, q).sum()), divergence)
