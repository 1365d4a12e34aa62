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
from pipelines.stats.population import cluster_error, cluster_sums
from pipelines.stats.special import beta_cdf

Conclusion = Literal["equivalent", "different", "undecided"]
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
    lying within the margin, which is how it is decided; t with G - 1 degrees of freedom over G clusters. None without
    problems; ValueError unless 0 < margin <= 1 and 0 < alpha < 0.5.
    """
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin {margin} is not in (0, 1], or alpha {alpha} not in (0, 0.5)")
    found = paired_difference(before, after, clusters, confidence=1.0 - 2.0 * alpha, estimand=ESTIMAND)
    if found is None:
        return None
    values = [late - early for early, late in zip(before, after, strict=True)]
    sums = cluster_sums(values, clusters)
    error = cluster_error(sums, found.value) if len(sums) > 1 else 0.0
    if error <= 0.0:
        return Equivalence(_without_spread(found, sums, alpha), margin, alpha, None)
    worse = (margin - abs(found.value)) / error
    return Equivalence(found, margin, alpha, _t_tail(worse, len(sums) - 1))


def _without_spread(found: Estimate, sums: Sequence[tuple[float, int]], alpha: float) -> Estimate:
    """Every cluster differs by the same: no spread was seen, which is not that there is none (Hoeffding 1963, th. 2)."""
    if found.low < found.high:
        return found  # nothing changed, or one cluster: paired_difference has a bound for these
    shares = math.fsum((size / found.n) ** 2 for _, size in sums)
    half = 2.0 * math.sqrt(math.log(1.0 / alpha) / 2.0 * shares)  # differences lie in [-1, 1]
    low, high = max(-1.0, found.value - half), min(1.0, found.value + half)
    return Estimate(found.value, low, high, found.n, found.clusters, "Hoeffding over clusters that tie", found.estimand)


def _t_tail(value: float, degrees: int) -> float:
    """P(T >= value) of Student's t."""
    beyond = 0.5 * beta_cdf(degrees / (degrees + value * value), degrees / 2.0, 0.5)
    return beyond if value >= 0.0 else 1.0 - beyond
