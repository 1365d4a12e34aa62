"""The warp `typical`: the fewest tokens of a mass whose surprisal is closest to the entropy.

Meister et al. 2023, Locally typical sampling, arXiv:2202.00666: tokens in the order of |-log p - H| until their mass
reaches `mass`. The likeliest token may be cut.
"""

from dataclasses import dataclass

import numpy as np

from rollmill.pipelines.generate.warps.warp import Floats, cut, entropy
from rollmill.pipelines.option_checks import checked_share, refused


@dataclass(frozen=True, slots=True)
class Typical:
    """Cut at a mass of typical tokens; a `mass` of 1 cuts nothing. Tokens at equal distance count by their ids."""

    name = "typical"
    version = "1"
    mass: float = 0.95
    """Probability mass of the tokens to sample from."""

    def __post_init__(self) -> None:
        if not checked_share("warp", self.name, "mass", self.mass):
            raise refused("warp", self.name, "mass", self.mass, "above 0")

    def weights(self, logp: Floats) -> Floats:
        if self.mass >= 1:
            return np.exp(logp)
        order = np.argsort(np.abs(-logp - entropy(logp)), axis=1, kind="stable")
        before = np.cumsum(np.take_along_axis(np.exp(logp), order, axis=1), axis=1)
        kept = np.empty(logp.shape, dtype=np.bool_)
        # A token stays if those before it do not reach the mass yet; the first always does.
        reached = np.concatenate([np.zeros((len(logp), 1)), before[:, :-1]], axis=1)
        np.put_along_axis(kept, order, reached < self.mass, axis=1)
        return cut(logp, kept)
