"""The ratio of two sums over the same problems, with an interval. Knows only values and cluster names.

"This budget spends 40% of that one's tokens" is such a ratio: what varies between populations of problems is both sums.
"""

import math
from collections.abc import Hashable, Sequence

from pipelines.stats.estimate import Estimate
from pipelines.stats.population import cluster_sums
from pipelines.stats.special import t_quantile


def ratio_of_sums(
    above: Sequence[float],
    below: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = 0.95,
    estimand: str = "ratio of totals over the population of problems",
) -> Estimate | None:
    """sum(above) / sum(below), values of at least 0, cluster-robust t interval cut at 0; None without problems or where
    `below` sums to nothing. One cluster says nothing of others: [0, inf).

    Linearised: the variance of the cluster sums of above - ratio * below over the square of the lower sum, with the factor
    G/(G-1) and G-1 degrees of freedom (Cochran 1977, section 6.3). Clusters as in `population_mean`.
    """
    total = math.fsum(below)
    if total == 0.0:
        return None
    ratio = math.fsum(above) / total
    residuals = [a - ratio * b for a, b in zip(above, below, strict=True)]
    sums = cluster_sums(residuals, clusters)
    groups = len(sums)
    if groups < 2:
        return Estimate(ratio, 0.0, math.inf, len(residuals), groups, "one cluster: no interval", estimand)
    spread = math.sqrt(groups / (groups - 1) * math.fsum(value**2 for value, _ in sums)) / total
    half = t_quantile((1.0 + confidence) / 2.0, groups - 1) * spread
    return Estimate(ratio, max(0.0, ratio - half), ratio + half, len(residuals), groups, "cluster t of a ratio", estimand)
