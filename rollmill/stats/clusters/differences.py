"""The difference of two measurements of the same problems, and whether they are equal up to a margin stated before.

Two verifiers on the same completions are paired, never independent: the difference within each problem is the sampled
value. "Not significantly different" is not "equal": little data is never different. Two one-sided tests (TOST; Schuirmann
1987) reverse the burden of proof: a difference as large as the margin has to be refuted.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, beta_quantile, t_probability, t_quantile
from rollmill.stats.clusters.means import TIE, Sums, cluster_sums, hoeffding
from rollmill.stats.clusters.sign_flips import DRAWS, sign_flips

Conclusion = Literal["equivalent", "different", "undecided"]
POWER = 0.8
FEW = 6
"""Clusters up to which a t test sees more than 2^(G - 1) patterns of signs do."""
NO_CHANGE = "no change, Clopper-Pearson over clusters"
_NO_SPREAD = 1e-14  # what rounding leaves of clusters that differ by the same
ESTIMAND = "mean difference over the population of problems"


@dataclass(frozen=True, slots=True)
class Equivalence:
    """`difference` with its 1 - 2 alpha interval; `p` of the worse of the two tests, None if no error was estimable.

    `equivalent`: the whole interval is within the margin. `different`: it is wholly outside. `undecided`: more data.
    """

    difference: Estimate
    margin: float
    alpha: float
    p: float | None

    @property
    def conclusion(self) -> Conclusion:
        """Conclusion from the interval and the margin."""
        low, high = self.difference.low, self.difference.high
        if -self.margin < low and high < self.margin:
            return "equivalent"
        return "different" if low >= self.margin or high <= -self.margin else "undecided"


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A difference with its 95% (or stated) interval and the two-sided p of no difference, of one and the same test.

    The interval holds 0 exactly where p is above 1 - confidence. `detectable`: the true difference that data like these
    would show four times in five; None if they would show none within [-1, 1].
    """

    change: Estimate
    p: float
    detectable: float | None


def paired_difference(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = CONFIDENCE,
    estimand: str = ESTIMAND,
) -> Estimate | None:
    """Mean of after - before, one value in [0, 1] per problem and side, with the interval of `paired_test`."""
    test = paired_test(before, after, clusters, confidence=confidence, estimand=estimand)
    return None if test is None else test.change


def paired_test(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = CONFIDENCE,
    estimand: str = ESTIMAND,
    draws: int = DRAWS,
) -> PairedTest | None:
    """The test of mean(after - before) = 0, one value in [0, 1] per problem and side; None without problems.

    ValueError for a value that is not a finite number.

    From seven clusters on their signs are flipped (`rollmill.stats.clusters.sign_flips`). Fewer have too few
    patterns of signs to show anything at 5%, and get a t test with the linearised error and N^2 / sum n_c^2 - 1 degrees of
    freedom. Chosen by coverage and power, see docs/explanation/statistics.md; `draws`: patterns at random of more than 14
    clusters.
    """
    values = [late - early for early, late in zip(before, after, strict=True)]
    if not values:
        return None
    if not all(map(math.isfinite, values)):
        place = next(index for index, value in enumerate(values) if not math.isfinite(value))
        raise ValueError(f"the difference of problem {place} is not a finite number")
    sums, mean = cluster_sums(values, clusters), math.fsum(values) / len(values)
    low, high, method, p = _test(sums, mean, confidence, draws)
    low, high = max(-1.0, min(low, mean)), min(1.0, max(high, mean))
    change = Estimate(mean, low, high, len(values), len(sums), method, estimand)
    return PairedTest(change, p, _detectable(change, sums, confidence))


Tested = tuple[float, float, str, float]
"""Low, high, method, p."""


def _test(sums: Sums, mean: float, confidence: float, draws: int) -> Tested:
    groups = len(sums)
    if all(abs(total) <= TIE for total, _ in sums):
        hidden = share_at_most(0.0, groups, confidence)
        return -hidden, hidden, NO_CHANGE, 1.0
    if groups < 2:
        return -1.0, 1.0, "one cluster: no interval", 1.0
    if all(abs(total - mean * size) <= TIE * size for total, size in sums):
        # Clusters that were not met may have changed as much the other way: a move of 2 |mean| for their share.
        half = 2.0 * abs(mean) * share_at_most(0.0, groups, confidence)
        return mean - half, mean + half, "paired, sign flips of clusters that tie", 0.5 ** (groups - 1)
    if groups <= FEW:
        error, degrees = cluster_error(sums, mean), _degrees(sums)
        half = t_quantile((1.0 + confidence) / 2.0, degrees) * error
        return mean - half, mean + half, "paired cluster t", 2.0 * t_probability(degrees, -abs(mean) / error)
    flips = sign_flips(sums, draws=draws)
    low, high = flips.bounds(confidence)
    if 0.5 ** (sum(abs(total) > TIE for total, _ in sums) - 1) > 1.0 - confidence:
        low, high = min(low, -hidden_change(sums, -1, confidence)), max(high, hidden_change(sums, 1, confidence))
    return low, high, "paired, sign flips of clusters", flips.p()


def hidden_change(sums: Sums, sign: int, confidence: float) -> float:
    """The largest mean change to one side if so few clusters changed that no pattern of their signs shows anything.

    The largest change of a cluster, by the Clopper-Pearson bound of how much of all clusters changes to that side, each
    counting by its size (effective clusters: Kish 1965).
    """
    count, effective = math.fsum(size for _, size in sums), _degrees(sums) + 1.0
    # As effective clusters, since the bound is of a share of clusters.
    seen = math.fsum(size for total, size in sums if sign * total > TIE) / count * effective
    return max(abs(total) / size for total, size in sums) * share_at_most(seen, effective, confidence)


def share_at_most(seen: float, clusters: float, confidence: float) -> float:
    """The Clopper-Pearson upper bound of a share of clusters."""
    return beta_quantile((1.0 + confidence) / 2.0, seen + 1.0, clusters - seen) if seen < clusters else 1.0


def _degrees(sums: Sums) -> float:
    """Degrees of freedom of an error over clusters: their effective number, N^2 / sum n_c^2 (Kish 1965), less one."""
    count = sum(size for _, size in sums)
    return count**2 / math.fsum(size**2 for _, size in sums) - 1.0


def _detectable(change: Estimate, sums: Sums, confidence: float) -> float | None:
    """The longer half of the interval times (t of 1 - alpha/2 + t of .8) / t of 1 - alpha/2 (Bloom 1995, Evaluation Review
    19): as cautious as the interval, whichever way that was made.
    """
    if change.clusters < 2:
        return None
    degrees = _degrees(sums)
    t = t_quantile((1.0 + confidence) / 2.0, degrees)
    size = max(change.value - change.low, change.high - change.value) * (1.0 + t_quantile(POWER, degrees) / t)
    return size if size < 1.0 else None


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
    lying within the margin, which is how it is decided; t with G - 1 degrees of freedom over G clusters. Where no error can
    be estimated the interval needs none: Hoeffding's, or Clopper-Pearson's if nothing changed. None without problems;
    ValueError unless 0 < margin <= 1 and 0 < alpha < 0.5.
    """
    if not 0.0 < margin <= 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin {margin} is not in (0, 1], or alpha {alpha} not in (0, 0.5)")
    sums = cluster_sums([late - early for early, late in zip(before, after, strict=True)], clusters)
    if not sums:
        return None
    count, confidence = sum(size for _, size in sums), 1.0 - 2.0 * alpha
    mean = math.fsum(total for total, _ in sums) / count
    error = cluster_error(sums, mean) if len(sums) > 1 else 0.0
    worse = None
    if error > _NO_SPREAD:
        half, method = t_quantile(1.0 - alpha, len(sums) - 1) * error, "paired cluster t"
        worse = t_probability(len(sums) - 1, (abs(mean) - margin) / error)
    elif all(abs(total) <= TIE for total, _ in sums):
        half, method = share_at_most(0.0, len(sums), confidence), NO_CHANGE
    else:
        # Differences lie in [-1, 1], twice the range of Hoeffding's bound.
        half = 2.0 * hoeffding([size / count for _, size in sums], confidence)
        method = "paired, Hoeffding over clusters that tie"
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return Equivalence(Estimate(mean, low, high, count, len(sums), method, ESTIMAND), margin, alpha, worse)


def cluster_error(sums: Sums, mean: float) -> float:
    """Standard error of a mean over problems for sampled clusters: the linearised ratio's, with G/(G-1)."""
    groups, count = len(sums), sum(size for _, size in sums)
    residual = math.fsum((total - mean * size) ** 2 for total, size in sums)
    return math.sqrt(groups / (groups - 1) * residual) / count
