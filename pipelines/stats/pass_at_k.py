"""pass@k of one problem: the chance that k fresh completions hold a correct one. Knows no intervals and no pools."""

import math
from fractions import Fraction
from functools import lru_cache

from pipelines.stats.jeffreys import check_counts


@lru_cache(maxsize=65_536)
def pass_at_k(judged: int, correct: int, k: int) -> float | None:
    """Unbiased estimate 1 - C(n-c, k)/C(n, k) from n completions fixed beforehand; None for n < k.

    Estimand: 1 - (1 - p)^k of one problem (Chen et al. 2021, arXiv:2107.03374, eq. 1). Exact integers, rounded once. For
    adaptively drawn pools take a fixed prefix first: the pool itself is biased.
    """
    check_counts(correct, judged)
    if k < 1:
        raise ValueError(f"pass@k needs k >= 1, got {k}")
    if judged < k:
        return None
    return float(1 - Fraction(math.comb(judged - correct, k), math.comb(judged, k)))
