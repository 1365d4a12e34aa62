"""Whether two measurements of the same problems are equal up to a margin that was stated before. Knows values and clusters.

"Not significantly different" is not "equal": little data is never different. Two one-sided tests (TOST; Schuirmann 1987)
turn the burden round: what has to be refuted is that the difference is as large as the margin.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.stats.estimate import Estimate
from pipelines.stats.paired import paired_difference
from pipelines.stats.population import cluster_sums
from pipelines.stats.special import beta_cdf, t_quantile

Conclusion = Literal["equivalent", "different", "undecided"]
_NO_SPREAD = 1e-14  # what rounding leaves of clusters that differ by the same
ESTIMAND = "mean difference over the population of problems"


@dataclass(frozen=True, slots=True)
class Equivalence:
    """`difference` with its 1 - 2 alpha interval; `p` of the worse of the two tests, None where no error was estimable.

    `equivalent`: the whole interval lies within the margin. `different`: it lies wholly outside. `undecided`: more data.
    """

    difference: Estimate
    margin: float
    alpha: float
    p: float | None

    @property
    def conclusion(self) -> Conclusion:
        """What the data say."""
        low, high = self.difference.low, self.difference.high
        if -self.margin < low and high < self.margin:
            return "equivalent"
        return "different" if low >= self.margin or high <= -self.margin else "undecided"


def equivalence(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    margin: float,
    alpha: float = 0.05,
) -> Equivalence | None:
    """TOST of mean(after - before), one value in [0, 1] per problem and side, clusters as in `paired_difference`.

    Rejecting both "difference <= -margin" and "difference >= margin" at level alpha is the same as the 1 - 2 alpha interval
    lying within the margin, which is how it is decided; t with G - 1 degrees of freedom over G clusters: two engines differ
    by sampling, to both sides, and the wider interval of `paired_difference`, made for few changes to one side, would ask
    for several times the draws. Where no error can be estimated it is that of `paired_difference`. None without problems;
    ValueError unless 0 < margin <= 1 and 0 < alpha < 0.5.
    """
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin {margin} is not in (0, 1], or alpha {alpha} not in (0, 0.5)")
    found = paired_difference(before, after, clusters, confidence=1.0 - 2.0 * alpha, estimand=ESTIMAND)
    if found is None:
        return None
    values = [late - early for early, late in zip(before, after, strict=True)]
    sums = cluster_sums(values, clusters)
    error = _cluster_error(sums, found.value) if len(sums) > 1 else 0.0
    if error <= _NO_SPREAD:
        return Equivalence(found, margin, alpha, None)
    half = t_quantile(1.0 - alpha, len(sums) - 1) * error
    low, high = max(-1.0, found.value - half), min(1.0, found.value + half)
    difference = Estimate(found.value, low, high, found.n, found.clusters, "paired cluster t", found.estimand)
    return Equivalence(difference, margin, alpha, _t_tail((margin - abs(found.value)) / error, len(sums) - 1))


def _cluster_error(sums: Sequence[tuple[float, int]], mean: float) -> float:
    """Standard error of a mean over problems when clusters are what was sampled: the linearised ratio's, with G/(G-1)."""
    groups, count = len(sums), sum(size for _, size in sums)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    return math.sqrt(groups / (groups - 1) * residual) / count


def _t_tail(value: float, degrees: int) -> float:
    """P(T >= value) of Student's t."""
    beyond = 0.5 * beta_cdf(degrees / (degrees + value * value), degrees / 2.0, 0.5)
    return beyond if value >= 0.0 else 1.0 - beyond
