"""Means, shares and ratios of sums over problems with clusters: a score's mean, the compositional gap, tokens per answer.

For ratios that are not a mean of values in [0, 1]; `population_mean` and `cluster_table` are for those. If clusters show no
spread, the interval is as wide as the measure's range, never of zero width.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from rollmill.stats.clusters.differences import cluster_error
from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, t_quantile
from rollmill.stats.clusters.means import TIE, cluster_sums, mean_bounds, rounded

Clusters = Sequence[Hashable | None]
NO_SPREAD = "no spread seen: no interval"
ONE_CLUSTER = "one cluster: no interval"


def cluster_mean(values: Sequence[float], clusters: Clusters | None = None, *, estimand: str) -> Estimate | None:
    """Mean of one value without bounds per problem, a t interval over clusters; None without problems."""
    if not values:
        return None
    sums, mean = cluster_sums(values, clusters), math.fsum(values) / len(values)
    groups, effective = len(sums), len(values) ** 2 / math.fsum(size**2 for _, size in sums)
    low, high, method = -math.inf, math.inf, NO_SPREAD if groups > 1 else ONE_CLUSTER
    error = cluster_error(sums, mean) if groups > 1 else 0.0
    # Values have no bounds, so what counts as rounding grows with the mean.
    if error > TIE * max(1.0, abs(mean)):
        half = t_quantile((1.0 + CONFIDENCE) / 2.0, max(1.0, effective - 1.0)) * error
        low, high, method = mean - half, mean + half, "cluster t"
    return Estimate(mean, low, high, len(values), groups, method, estimand)


def cluster_share(
    parts: Sequence[float], wholes: Sequence[float], clusters: Clusters | None = None, *, estimand: str
) -> Estimate | None:
    """sum(parts) / sum(wholes), 0 <= part <= whole of each problem, with the interval of `mean_bounds`; None for no whole.

    The compositionality gap (Press et al. 2023, arXiv:2210.03350) is one: the part is the chance that all sub-questions
    are answered right and the question is not, the whole that all sub-questions are.
    """
    whole = math.fsum(wholes)
    if whole <= 0.0:
        return None
    above, below = (cluster_sums(values, clusters) for values in (parts, wholes))
    # A cluster without a whole adds nothing to the share, and counted it would narrow the interval.
    sums = [(top, size) for (top, _), (size, _) in zip(above, below, strict=True) if size > 0.0]
    value = rounded(math.fsum(parts) / whole)
    low, high, method = mean_bounds(sums, value)
    return Estimate(value, low, high, len(parts), len(sums), method, estimand)


def cluster_ratio(
    above: Sequence[float], below: Sequence[float], clusters: Clusters | None = None, *, estimand: str
) -> Estimate | None:
    """sum(above) / sum(below) of positive amounts without an upper bound; None if `below` is nothing.

    Tokens per correct answer: all tokens, those of wrong answers too, over all correct answers. Cluster t on the log scale
    with the linearised error of a ratio (Cochran 1977, eq. 6.13), effective clusters by their share of `below`. One
    cluster, or clusters that show no spread: [0, infinity], since nothing bounds unseen values.
    """
    top, bottom = math.fsum(above), math.fsum(below)
    # A ratio of 0 has no logarithm.
    if bottom <= 0.0 or top <= 0.0:
        return None
    tops, bottoms = (np.array([total for total, _ in cluster_sums(values, clusters)]) for values in (above, below))
    value, groups = top / bottom, len(tops)
    low, high, method = 0.0, math.inf, NO_SPREAD if groups > 1 else ONE_CLUSTER
    squares = float(((tops / top - bottoms / bottom) ** 2).sum())
    if groups > 1 and squares > TIE**2:
        error = math.sqrt(groups / (groups - 1) * squares)
        effective = 1.0 / float(((bottoms / bottom) ** 2).sum())
        half = t_quantile((1.0 + CONFIDENCE) / 2.0, max(1.0, effective - 1.0)) * error
        low, high, method = value * math.exp(-half), value * math.exp(half), "cluster t on the log scale"
    return Estimate(value, low, high, len(above), groups, method, estimand)
