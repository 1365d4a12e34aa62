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
    never an interval without width.
    """
    if not values:
        return None
    sums = _cluster_sums(values, clusters)
    count, groups = len(values), len(sums)
    mean = math.fsum(values) / count
    if mean in (0.0, 1.0):
        return _unanimous(mean, count, groups, confidence, estimand)
    if groups < 2:
        return Estimate(mean, 0.0, 1.0, count, groups, "one cluster: no interval", estimand)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    half = t_quantile((1.0 + confidence) / 2.0, groups - 1) * math.sqrt(groups / (groups - 1) * residual) / count
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), count, groups, "cluster t", estimand)


def _cluster_sums(values: Sequence[float], clusters: Sequence[Hashable | None] | None) -> list[tuple[float, int]]:
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


def _unanimous(mean: float, count: int, groups: int, confidence: float, estimand: str) -> Estimate:
    exact = clopper_pearson(groups if mean == 1.0 else 0, groups, confidence=confidence)
    assert exact is not None
    return Estimate(mean, exact.low, exact.high, count, groups, "Clopper-Pearson over clusters", estimand)
