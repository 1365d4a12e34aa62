"""Variance of the true probability of an answer, from probabilities of pairs: its value, and bounds without assumptions.

For a model that is calibrated on pairs (y1, y2) of independent answers, p(y, y | x) - p(y | x)^2 is the variance of the
true probability of y over the problems that the model takes for x (Johnson et al. 2024, arXiv:2402.08733).
"""

import math
from typing import NamedTuple


class PairInterval(NamedTuple):
    """Variance of the true probability of an answer, and bounds that hold it with a chance of at least `1 - misses`."""

    variance: float
    low: float
    high: float


def pair_interval(alone: float, shown: float, misses: float = 0.1) -> PairInterval:
    """Interval of the true probability of an answer by Chebyshev's inequality, cut to [0, 1].

    Args:
        alone: Probability that the model gives to the answer.
        shown: Probability that it gives to the answer with the same answer in view.
        misses: Share of problems whose true probability may lie outside, above 0 and below 1.

    Raises:
        ValueError: A probability is outside [0, 1], or `misses` is.
    """
    if not (0.0 <= alone <= 1.0 and 0.0 <= shown <= 1.0 and 0.0 < misses < 1.0):
        raise ValueError(f"probabilities in [0, 1] and misses between 0 and 1, got {alone}, {shown}, {misses}")
    variance = max(0.0, alone * (shown - alone))
    half = math.sqrt(variance / misses)
    return PairInterval(variance, max(0.0, alone - half), min(1.0, alone + half))
