"""The difference of two measurements of the same problems, and whether they are equal up to a margin stated before.

Two verifiers on the same completions are paired, never independent: what varies is the difference within each problem.
"Not significantly different" is not "equal": little data is never different. Two one-sided tests (TOST; Schuirmann 1987)
turn the burden round: what has to be refuted is that the difference is as large as the margin.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipelines.stats.intervals import CONFIDENCE, Estimate, clopper_pearson, t_quantile
from pipelines.stats.means import cluster_sums, mean_bounds

Conclusion = Literal["equivalent", "different", "undecided"]
POWER = 0.8
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


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = CONFIDENCE,
    estimand: str = ESTIMAND,
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
    difference = paired_difference(before, after, clusters, confidence=1.0 - 2.0 * alpha, estimand=ESTIMAND)
    if difference is None:
        return None
    sums = cluster_sums([late - early for early, late in zip(before, after, strict=True)], clusters)
    error = cluster_error(sums, difference.value) if len(sums) > 1 else 0.0
    if error <= _NO_SPREAD:
        return Equivalence(difference, margin, alpha, None)
    from scipy.special import stdtr

    half = t_quantile(1.0 - alpha, len(sums) - 1) * error
    low, high = max(-1.0, difference.value - half), min(1.0, difference.value + half)
    by_t = replace(difference, low=low, high=high, method="paired cluster t")
    worse = float(stdtr(len(sums) - 1, (abs(difference.value) - margin) / error))
    return Equivalence(by_t, margin, alpha, worse)


def cluster_error(sums: Sequence[tuple[float, int]], mean: float) -> float:
    """Standard error of a mean over problems when clusters are what was sampled: the linearised ratio's, with G/(G-1)."""
    groups, count = len(sums), sum(size for _, size in sums)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    return math.sqrt(groups / (groups - 1) * residual) / count


def detectable_difference(change: Estimate) -> float | None:
    """The true mean difference that data like these would have shown with a chance of 80%, from a paired difference.

    Half the interval, t of 1 - alpha/2 standard errors, times (t of 1 - alpha/2 + t of .8) / t of 1 - alpha/2 (Bloom
    1995, Evaluation Review 19): as cautious as the interval, whichever way that was made. None where no difference within
    [-1, 1] would have been, as with one cluster.
    """
    if change.clusters < 2:
        return None
    freedom = change.clusters - 1
    t = t_quantile((1.0 + CONFIDENCE) / 2.0, freedom)
    size = max(change.value - change.low, change.high - change.value) * (t + t_quantile(POWER, freedom)) / t
    return size if size < 1.0 else None
