"""The difference of two measurements of the same problems, with an interval. Knows only values and cluster names.

Two verifiers on the same completions are paired, never independent: what varies is the difference within each problem.
"""

import math
from collections.abc import Hashable, Sequence

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate
from pipelines.stats.population import cluster_sums, mean_bounds


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = 0.95,
    estimand: str = "mean difference over the population of problems",
) -> Estimate | None:
    """Mean of after - before, one value in [0, 1] per problem and side; None without problems.

    The interval is that of `mean_bounds` for (1 + difference) / 2, which lies in [0, 1]: most differences are often 0, and
    few clusters hold all that changed. No problem changed: at most the Clopper-Pearson upper bound of the share of clusters
    that change can be hidden, to either side. One cluster: [-1, 1].
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
    halves = [((size + total) / 2.0, size) for total, size in sums]
    low, high, method = mean_bounds(halves, (1.0 + mean) / 2.0, confidence)
    low, high = min(mean, 2.0 * low - 1.0), max(mean, 2.0 * high - 1.0)
    return Estimate(mean, low, high, count, groups, f"paired, {method}", estimand)
