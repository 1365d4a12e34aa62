"""The mean over problems with an interval for the population they come from. Knows only values and cluster names.

Problems of one template resemble one another; their clusters are what was sampled (16 templates of 60 problems: the naive
interval covers .54, this one .95). Completions inside a problem are not resampled: their noise is already in the spread
of the values.
"""

import math
from collections.abc import Hashable, Sequence

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate
from pipelines.stats.special import t_quantile

_TIE = 1e-12  # means of counts that are equal differ by rounding


def population_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = 0.95,
    estimand: str = "mean pass rate of the population of problems",
) -> Estimate | None:
    """Mean of one value in [0, 1] per problem (pass rate, pass@k ...), cluster-robust t interval; None without values.

    `clusters[i]` names the cluster of problem i, by default its template; None is a cluster of its own. The interval is the
    linearised ratio estimator's with G - 1 degrees of freedom, cut to [0, 1] (Miller 2024, arXiv:2411.00640, eq. 4, with
    the factor G/(G-1)). One cluster says nothing of others: [0, 1]. Values all 1 or all 0: Clopper-Pearson over clusters,
    never an interval without width. Every cluster's mean the same: no spread was seen, which is not that there is none, so
    Hoeffding's bound for means in [0, 1], which needs no estimate of it.
    """
    if not values:
        return None
    sums = cluster_sums(values, clusters)
    count, groups = len(values), len(sums)
    mean = math.fsum(values) / count
    if mean in (0.0, 1.0):
        return _unanimous(mean, count, groups, confidence, estimand)
    if groups < 2:
        return Estimate(mean, 0.0, 1.0, count, groups, "one cluster: no interval", estimand)
    if all(abs(total - mean * size) <= _TIE * size for total, size in sums):
        half = _hoeffding([size / count for _, size in sums], confidence)
        low, high = max(0.0, mean - half), min(1.0, mean + half)
        return Estimate(mean, low, high, count, groups, "Hoeffding over clusters that tie", estimand)
    half = t_quantile((1.0 + confidence) / 2.0, groups - 1) * cluster_error(sums, mean)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), count, groups, "cluster t", estimand)


def _hoeffding(shares: Sequence[float], confidence: float) -> float:
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
        key: Hashable = ("named", cluster) if cluster is not None else ("own", index)
        members.setdefault(key, []).append(value)
    return [(math.fsum(group), len(group)) for group in members.values()]


def cluster_error(sums: Sequence[tuple[float, int]], mean: float) -> float:
    """Standard error of a mean over problems when clusters are what was sampled: the linearised ratio's, with G/(G-1)."""
    groups, count = len(sums), sum(size for _, size in sums)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    return math.sqrt(groups / (groups - 1) * residual) / count


def _unanimous(mean: float, count: int, groups: int, confidence: float, estimand: str) -> Estimate:
    exact = clopper_pearson(groups if mean == 1.0 else 0, groups, confidence=confidence)
    assert exact is not None
    return Estimate(mean, exact.low, exact.high, count, groups, "Clopper-Pearson over clusters", estimand)
