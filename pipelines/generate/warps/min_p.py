"""The warp `min_p`: tokens of at least a share of the likeliest token's probability.

Nguyen et al. 2024, Turning up the heat, arXiv:2407.01082.
"""

import math
from dataclasses import dataclass

from rollmill.pipelines.generate.warps.warp import Floats, cut
from rollmill.pipelines.option_checks import checked_share


@dataclass(frozen=True, slots=True)
class MinP:
    """Cut at a share of the largest probability. A `share` of 0 cuts nothing."""

    name = "min_p"
    version = "1"
    share: float = 0.1
    """Smallest probability of a token, as a share of the largest one."""

    def __post_init__(self) -> None:
        checked_share("warp", self.name, "share", self.share)

    def weights(self, logp: Floats) -> Floats:
        least = math.log(self.share) if self.share else -math.inf
        return cut(logp, logp >= logp.max(axis=1, keepdims=True) + least)
