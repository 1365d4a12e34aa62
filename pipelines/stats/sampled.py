"""The share of a whole that has a property, from a stratified random sample of it. Knows strata and weights, no verifiers.

Made for audits, where most strata show no event at all: a variance estimated from no event is 0, an interval must not be.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stats.estimate import Estimate
from pipelines.stats.special import beta_quantile

METHOD = "stratified Horvitz-Thompson, weighted Clopper-Pearson"


@dataclass(frozen=True, slots=True)
class Sampled:
    """One stratum: `size` members, of which a simple random sample without replacement gave `values`.

    A member's value is its weight in the whole where it has the property, else 0. With equal weights of 1 the values are 0
    and 1. `unit` is the weight that one more event is taken to have: sum w^2 / sum w over the stratum, the mean weight of
    what a random bit of its weight belongs to. (The largest weight is safe whatever it is, and useless where one member
    weighs much: Tiwari, Clegg & Zou 2006, Stat. Methods Med. Res. 15, use the mean weight for that reason.)
    """

    size: int
    values: Sequence[float]
    unit: float = 1.0

    @property
    def fraction(self) -> float:
        """The inclusion probability of each member."""
        return len(self.values) / self.size

    @property
    def total(self) -> float:
        """Horvitz-Thompson estimate of the stratum's sum of values."""
        return math.fsum(self.values) / self.fraction


def sampled_share(
    strata: Sequence[Sampled],
    whole: float,
    *,
    estimand: str,
    confidence: float = 0.95,
) -> Estimate | None:
    """The share sum(values) / `whole`, `whole` being the sum of all weights; None where a stratum has no sampled member.

    Point: Horvitz & Thompson (1952). Interval: the beta distribution whose mean and variance are those of the estimate with
    one more event of the largest expanded unit weight, on each side (Fay & Feuer 1997, Stat. Med. 16, who match gammas to
    weighted Poisson counts; here betas, so that one stratum with equal weights gives the exact interval of Clopper &
    Pearson). Without any event it is 0 to about 3.7 times that weight. `n` counts members, which the design draws
    independently: no clusters.
    """
    if whole <= 0 or any(not stratum.values for stratum in strata if stratum.size):
        return None
    filled = [stratum for stratum in strata if stratum.size]
    share = min(1.0, math.fsum(stratum.total for stratum in filled) / whole)
    alone = len(filled) == 1  # then the beta below is exact with the sample's own spread
    variance = math.fsum(sampling_variance(stratum, 0 if alone else 1) for stratum in filled) / whole**2
    weight = max((_expanded(stratum) for stratum in filled), default=0.0) / whole
    tail = (1.0 - confidence) / 2.0
    low = 1.0 - _upper(1.0 - share, variance, weight, tail)
    high = _upper(share, variance, weight, tail)
    n = sum(len(stratum.values) for stratum in filled)
    return Estimate(share, max(0.0, min(low, share)), min(1.0, max(high, share)), n, n, METHOD, estimand)


def sampling_variance(stratum: Sampled, lost: int = 1) -> float:
    """Variance of the stratum's estimated total under sampling without replacement (Cochran 1977, eq. 5.6).

    `lost` degrees of freedom are taken for the mean.
    """
    n = len(stratum.values)
    if n == stratum.size:
        return 0.0
    mean = math.fsum(stratum.values) / n
    if n == 1:  # one member shows no spread: the largest that a value in [0, unit] can have
        return stratum.size**2 * (1.0 - stratum.fraction) * stratum.unit**2 / 4.0
    spread = math.fsum((value - mean) ** 2 for value in stratum.values) / (n - lost)
    return stratum.size**2 * (1.0 - stratum.fraction) * spread / n


def _expanded(stratum: Sampled) -> float:
    """How much of the whole one more event stands for; nothing where the whole stratum was seen.

    A sample of fraction f without an event leaves K events possible with probability (1 - f)^K, hence -1/log(1 - f) in
    the place of 1/f.
    """
    if len(stratum.values) >= stratum.size:
        return 0.0
    return -stratum.unit / math.log1p(-stratum.fraction)


def _upper(share: float, variance: float, weight: float, tail: float) -> float:
    """Upper confidence limit of a share; for share = x/n, variance = share (1 - share)/n, weight = 1/n: Clopper-Pearson."""
    if share >= 1.0 or weight <= 0.0:
        return share
    mean = (share + weight) / (1.0 + weight)
    spread = variance + weight**2 * (1.0 - share)
    size = (1.0 + 2.0 * weight) * (1.0 + weight) ** 2 * mean * (1.0 - mean) / spread - 1.0
    if size <= 0.0:
        return 1.0
    return beta_quantile(1.0 - tail, mean * size, (1.0 - mean) * size)
