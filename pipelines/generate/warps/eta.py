"""The warp `eta`: tokens of at least min(epsilon, sqrt(epsilon) exp(-entropy)), and the likeliest one.

Hewitt, Manning & Liang 2022, Truncation sampling as language model desmoothing, arXiv:2210.15191: the threshold falls
where the distribution is flat.
"""

import math
from dataclasses import dataclass

import numpy as np

from rollmill.pipelines.generate.warps.warp import Floats, cut_below, entropy
from rollmill.pipelines.option_checks import checked_share


@dataclass(frozen=True, slots=True)
class Eta:
    """Cut at a probability that falls with the entropy. An `epsilon` of 0 cuts nothing."""

    name = "eta"
    version = "1"
    epsilon: float = 3e-4
    """Largest threshold of a token's probability."""

    def __post_init__(self) -> None:
        checked_share("warp", self.name, "epsilon", self.epsilon)

    def weights(self, logp: Floats) -> Floats:
        least = np.minimum(self.epsilon, math.sqrt(self.epsilon) * np.exp(-entropy(logp)))
        return cut_below(logp, least)
