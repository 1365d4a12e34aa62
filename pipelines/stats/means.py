"""The mean over problems, for the population that they come from.

For a population the clusters are what was sampled: problems of one template resemble one another (16 templates of 60
problems: the naive interval covers .54). Completions inside a problem are not resampled, their noise is already in the
spread of the values. The mean of exactly these problems is in `pipelines.stats.subsets`.
"""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from pipelines.stats.few_clusters import FEW, posterior_bounds
from pipelines.stats.intervals import CONFIDENCE, Estimate, clopper_pearson, t_quantile

TIE = 1e-12  # means of counts that are equal differ by rounding
UNSEEN = 0.2  # clusters of the other extreme that are taken to have been missed; see docs/statistics.md
POSTERIOR_MISSES = 0.2  # of the errors that an interval may make, those of the posterior that it is cut to; likewise
USUAL, CUT = "cluster t on the logit scale", "cluster t on the logit scale, cut to a beta-binomial posterior"

Sums = Sequence[tuple[float, float]]
"""(sum of values, number of problems, or sum of their weights) of each cluster."""


class Bounds(NamedTuple):
    """An interval and how it was made."""

    low: float
    high: float
    method: str


def population_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    estimand: str = "mean pass rate of the population of problems",
) -> Estimate | None:
    """Mean of one value in [0, 1] per problem (pass rate, pass@k ...) with the interval of `mean_bounds`; None without
    values.

    `clusters[i]` names the cluster of problem i, by default its template; None is a cluster of its own.
    """
    if not values:
        return None
    sums = cluster_sums(values, clusters)
    mean = math.fsum(values) / len(values)
    low, high, method = mean_bounds(sums, mean)
    return Estimate(mean, low, high, len(values), len(sums), method, estimand)


def mean_bounds(sums: Sums, mean: float, confidence: float = CONFIDENCE) -> Bounds:
    """The interval of a mean over problems with values in [0, 1] when whole clusters were sampled.

    A t interval on the logit scale. Few clusters or a rate near 0 or 1 hide that clusters of another kind exist, so before
    each end is computed a part of a cluster is added that is all right (for the upper end) or all wrong (for the lower): of
    weight .2 times the distance of the mean from that extreme. Standard error: the linearised ratio's over clusters (Miller
    2024, arXiv:2411.00640, eq. 4); degrees of freedom: the effective number of clusters, N^2 / sum n_c^2 (Kish 1965).

    Of two to six clusters such an interval is often far too wide, and is cut to the posterior of a beta-binomial law
    (pipelines.stats.few_clusters), at a fifth of the errors: 99% for an interval of 95%.

    One cluster says nothing of others: [0, 1]. Values all 1 or all 0: Clopper-Pearson over clusters, never an interval
    without width. Every cluster's mean the same: no spread was seen, which is not that there is none, so Hoeffding's bound
    for means in [0, 1], which needs no estimate of it.
    """
    groups, count = len(sums), sum(size for _, size in sums)
    if mean in (0.0, 1.0):
        exact = clopper_pearson(groups if mean == 1.0 else 0, groups, confidence=confidence)
        assert exact is not None
        return Bounds(exact.low, exact.high, "Clopper-Pearson over clusters")
    if groups < 2:
        return Bounds(0.0, 1.0, "one cluster: no interval")
    if all(abs(total - mean * size) <= TIE * size for total, size in sums):
        half = hoeffding([size / count for _, size in sums], confidence)
        return Bounds(max(0.0, mean - half), min(1.0, mean + half), "Hoeffding over clusters that tie")
    effective = count**2 / math.fsum(size**2 for _, size in sums)
    t = t_quantile((1.0 + confidence) / 2.0, effective)
    high = _upper(sums, mean, count / effective, t)
    low = 1.0 - _upper([(size - total, size) for total, size in sums], 1.0 - mean, count / effective, t)
    how = USUAL
    if groups <= FEW:
        totals, sizes = np.array(sums, dtype=np.float64).T
        (least,), (most,) = posterior_bounds(totals[:, None], sizes, posterior_level(confidence))
        how = CUT if least > low or most < high else USUAL
        low, high = max(low, float(least)), min(high, float(most))
    # With uneven clusters the posterior can lie wholly beside the pooled mean, and its cut with it.
    return Bounds(min(low, mean), max(high, mean), how)


def posterior_level(confidence: float) -> float:
    """The confidence of the posterior that an interval of few clusters is cut to."""
    return 1.0 - POSTERIOR_MISSES * (1.0 - confidence)


def _upper(sums: Sums, mean: float, unit: float, t: float) -> float:
    """The upper end, `unit` being the size of a typical cluster."""
    unseen = UNSEEN * (1.0 - mean) * unit
    whole = math.fsum(size for _, size in sums) + unseen
    centre = (math.fsum(total for total, _ in sums) + unseen) / whole
    squares = math.fsum((total - centre * size) ** 2 for total, size in sums) + unseen * unit * (1.0 - centre) ** 2
    spread = centre * (1.0 - centre)
    logit = math.log(centre / (1.0 - centre)) + t * math.sqrt(squares) / whole / spread
    return 0.5 * (1.0 + math.tanh(logit / 2.0))


def hoeffding(shares: Sequence[float], confidence: float) -> float:
    """Half width for a weighted mean of independent values in [0, 1] (Hoeffding 1963, theorem 2)."""
    return math.sqrt(math.log(2.0 / (1.0 - confidence)) / 2.0 * math.fsum(share**2 for share in shares))


def cluster_sums(values: Sequence[float], clusters: Sequence[Hashable | None] | None) -> list[tuple[float, int]]:
    """(sum of values, number of problems) of each cluster."""
    if clusters is None:
        return [(value, 1) for value in values]
    if len(clusters) != len(values):
        raise ValueError(f"{len(values)} values but {len(clusters)} clusters")
    members: dict[Hashable, list[float]] = {}
    for index, (value, cluster) in enumerate(zip(values, clusters, strict=True)):
        # Tagged, so that a cluster whose name is a number takes in no problem that is a cluster of its own.
        key: Hashable = ("named", cluster) if cluster is not None else ("own", index)
        members.setdefault(key, []).append(value)
    return [(math.fsum(group), len(group)) for group in members.values()]
