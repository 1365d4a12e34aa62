"""The warp `epsilon`: tokens of at least a probability, and the likeliest one.

Hewitt, Manning & Liang 2022, Truncation sampling as language model desmoothing, arXiv:2210.15191.
"""

from dataclasses import dataclass

from rollmill.pipelines.generate.warps.warp import Floats, cut_below
from rollmill.pipelines.option_checks import checked_share


@dataclass(frozen=True, slots=True)
class Epsilon:
    """Cut at a fixed probability. A `cutoff` of 0 cuts nothing."""

    name = "epsilon"
    version = "1"
    cutoff: float = 3e-4
    """Smallest probability of a token."""

    def __post_init__(self) -> None:
        checked_share("warp", self.name, "cutoff", self.cutoff)

    def weights(self, logp: Floats) -> Floats:
        return cut_below(logp, self.cutoff)
