"""The difference of two measurements of the same problems, with an interval. Knows only values and cluster names.

Two verifiers on the same completions are paired, never independent: what varies is the difference within each problem.
"""

import math
from collections.abc import Hashable, Sequence

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate
from pipelines.stats.population import cluster_error, cluster_sums
from pipelines.stats.special import t_quantile


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = 0.95,
    estimand: str = "mean difference over the population of problems",
) -> Estimate | None:
    """Mean of after - before, one value in [0, 1] per problem and side, cluster-robust t interval cut to [-1, 1].

    Clusters as in `population_mean` (Miller 2024, arXiv:2411.00640, section 4: paired differences). No problem changed: at
    most the Clopper-Pearson upper bound of the share of clusters that change can be hidden, to either side. One cluster:
    [-1, 1]. None without problems.
    """
    values = [late - early for early, late in zip(before, after, strict=True)]
    if not values:
        return None
    sums = cluster_sums(values, clusters)
    count, groups = len(values), len(sums)
    mean = math.fsum(values) / count
    if not any(values):
        none = clopper_pearson(0, groups, confidence=confidence)
        assert none is not None
        return Estimate(0.0, -none.high, none.high, count, groups, "no change, Clopper-Pearson over clusters", estimand)
    if groups < 2:
        return Estimate(mean, -1.0, 1.0, count, groups, "one cluster: no interval", estimand)
    half = t_quantile((1.0 + confidence) / 2.0, groups - 1) * cluster_error(sums, mean)
    return Estimate(mean, max(-1.0, mean - half), min(1.0, mean + half), count, groups, "paired cluster t", estimand)
