"""The mean over problems, for their population.

For a population the clusters are the sampled units: problems of one template resemble one another (16 templates of 60
problems: the naive interval covers .54). Completions inside a problem are not resampled, their noise is already in the
spread of the values. The mean of exactly these problems is in `rollmill.stats.draws.subsets`.
"""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from rollmill.stats.clusters.few_clusters import FEW, posterior_bounds
from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, clopper_pearson, t_quantile

TIE = 1e-12  # means of counts that are equal differ by rounding
UNSEEN = 0.2  # clusters of the other extreme that are taken to have been missed; see docs/explanation/statistics.md
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
    (rollmill.stats.clusters.few_clusters), at a fifth of the errors: 99% for an interval of 95%.

    One cluster says nothing of others: [0, 1]. Values all 1 or all 0: Clopper-Pearson over clusters, never an interval
    without width. If all cluster means are equal, the observed spread is 0 but the true one may not be, so Hoeffding's
    bound for means in [0, 1] is used, which needs no estimate of it.

    Sums corrected by an audit can be outside of [0, size]. They follow no beta-binomial law, so nothing is cut;
    where they cancel to a mean of 0 or 1 their spread still counts, by a t interval if that is the wider one.
    """
    groups, count = len(sums), math.fsum(size for _, size in sums)
    shares = [(total / count, size / count) for total, size in sums]
    squares = math.fsum(share**2 for _, share in shares)
    t = t_quantile((1.0 + confidence) / 2.0, 1.0 / squares)
    if rounded(mean) in (0.0, 1.0):
        return _at_end(shares, rounded(mean), t, confidence)
    if groups < 2:
        return Bounds(0.0, 1.0, "one cluster: no interval")
    if all(abs(total - mean * share) <= TIE * share for total, share in shares):
        half = hoeffding([share for _, share in shares], confidence)
        return Bounds(max(0.0, mean - half), min(1.0, mean + half), "Hoeffding over clusters that tie")
    high = _upper(shares, mean, squares, t)
    low = 1.0 - _upper([(share - total, share) for total, share in shares], 1.0 - mean, squares, t)
    how = USUAL
    if groups <= FEW and all(-TIE * size <= total <= size + TIE * size for total, size in sums):
        totals, sizes = np.array(sums, dtype=np.float64).T
        (least,), (most,) = posterior_bounds(totals[:, None], sizes, posterior_level(confidence))
        how = CUT if least > low or most < high else USUAL
        low, high = max(low, float(least)), min(high, float(most))
    # With uneven clusters the posterior can lie wholly beside the pooled mean, and its cut with it.
    return Bounds(min(low, mean), max(high, mean), how)


def rounded(mean: float) -> float:
    """A mean in [0, 1], the ends exactly where only rounding keeps it from them."""
    return 0.0 if mean <= TIE else 1.0 if mean >= 1.0 - TIE else mean


def _at_end(shares: Sums, end: float, t: float, confidence: float) -> Bounds:
    """The interval of a mean of 0 or 1."""
    groups = len(shares)
    exact = clopper_pearson(groups if end else 0, groups, confidence=confidence)
    assert exact is not None
    half = t * math.sqrt(math.fsum((total - end * share) ** 2 for total, share in shares))
    if groups < 2 or half <= exact.high - exact.low:
        return Bounds(exact.low, exact.high, "Clopper-Pearson over clusters")
    return Bounds(max(0.0, end - half), min(1.0, end + half), "cluster t")


def posterior_level(confidence: float) -> float:
    """The confidence of the posterior that an interval of few clusters is cut to."""
    return 1.0 - POSTERIOR_MISSES * (1.0 - confidence)


def _upper(shares: Sums, mean: float, unit: float, t: float) -> float:
    """The upper end; sums and sizes are shares of the whole size, `unit` being that of a typical cluster."""
    unseen = UNSEEN * (1.0 - mean) * unit
    whole = 1.0 + unseen
    centre = (math.fsum(total for total, _ in shares) + unseen) / whole
    squares = math.fsum((total - centre * share) ** 2 for total, share in shares) + unseen * unit * (1.0 - centre) ** 2
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
