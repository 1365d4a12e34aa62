"""The warp `top_h`: the likeliest tokens whose renormalised entropy stays within a share of the whole entropy.

Potraghloo et al. 2025, Top-H decoding, arXiv:2509.02510: tokens are added, the likeliest first, while the entropy of those
chosen is at most `share` times the entropy of all.
"""

from dataclasses import dataclass

import numpy as np

from rollmill.pipelines.generate.warps.warp import Floats, cut, entropy
from rollmill.pipelines.option_checks import checked_share


@dataclass(frozen=True, slots=True)
class TopH:
    """Cut at a share of the entropy: a `share` of 1 cuts nothing, 0 leaves the likeliest token. Equal tokens count in
    the order of their ids.
    """

    name = "top_h"
    version = "1"
    share: float = 0.4
    """Largest entropy of the tokens to sample from, as a share of the entropy of all."""

    def __post_init__(self) -> None:
        checked_share("warp", self.name, "share", self.share)

    def weights(self, logp: Floats) -> Floats:
        if self.share >= 1:
            return np.exp(logp)
        order = np.argsort(-logp, axis=1, kind="stable")
        ranked = np.take_along_axis(logp, order, axis=1)
        mass = np.cumsum(np.exp(ranked), axis=1)
        spread = np.cumsum(
            np.where(np.isfinite(ranked), -np.exp(ranked) * np.where(np.isfinite(ranked), ranked, 0), 0), axis=1
        )
        # Entropy of the first j tokens renormalised: log S + (sum of -p log p) / S, with S their mass.
        inside = np.log(mass) + spread / mass <= self.share * entropy(logp)
        inside[:, 0] = True
        kept = np.empty(logp.shape, dtype=np.bool_)
        np.put_along_axis(kept, order, np.logical_and.accumulate(inside, axis=1), axis=1)
        return cut(logp, kept)
