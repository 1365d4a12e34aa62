"""The warp `top_n_sigma`: tokens whose logit is within n standard deviations of the largest.

Tang et al. 2024, Top-n sigma: not all logits are you need, arXiv:2411.07641. The deviation is over the whole vocabulary
(impossible tokens left out), so the same tokens stay at every temperature.
"""

from dataclasses import dataclass

import numpy as np

from rollmill.pipelines.generate.warps.warp import Floats, cut
from rollmill.pipelines.option_checks import checked_positive


@dataclass(frozen=True, slots=True)
class TopNSigma:
    """Cut at a distance from the largest logit. A large `n` cuts nothing."""

    name = "top_n_sigma"
    version = "1"
    n: float = 1.0
    """Standard deviations of the logits between the largest and the smallest that stays."""

    def __post_init__(self) -> None:
        checked_positive("warp", self.name, "n", self.n)

    def weights(self, logp: Floats) -> Floats:
        possible = np.isfinite(logp)
        count = possible.sum(axis=1, keepdims=True)
        # Log-probabilities are logits up to a constant, which changes neither a deviation nor a distance.
        logits = np.where(possible, logp, 0.0)
        mean = logits.sum(axis=1, keepdims=True) / count
        sigma = np.sqrt((np.where(possible, logits - mean, 0.0) ** 2).sum(axis=1, keepdims=True) / count)
        return cut(logp, logp >= logp.max(axis=1, keepdims=True) - self.n * sigma)
