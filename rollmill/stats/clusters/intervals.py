"""Intervals of proportions, which every other estimator rests on: of a count, of a stratified sample, of sums and ratios.

`Estimate` is what every estimator returns. The quantiles are scipy's, imported at the first use: most commands of the
command line ask for none, and the import takes as long as the rest of their start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
"""Confidence of every interval whose caller states no other."""
STRATIFIED = "stratified Horvitz-Thompson, weighted Clopper-Pearson"

Interval = tuple[float, float, float]
"""(value, low, high)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with a confidence interval, of 95% unless stated otherwise. `n`: number of averaged units. `clusters`: number
    of independent units.

    `method`: method of the interval. `estimand`: the estimated quantity; two estimates are comparable only if their
    estimands are equal.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    method: str
    estimand: str


@dataclass(frozen=True, slots=True)
class StratumSample:
    """Stratum of `size` members. `values`: values of a simple random sample of the members, drawn without replacement.

    A member that has the property has its weight in the whole as its value; any other member has 0. With equal weights of 1
    the values are 0 and 1. `unit`: weight that is assumed for one more event, sum w^2 / sum w over the stratum: the weight
    of a member that is drawn with a chance in proportion to its weight. (The largest weight would always be safe, but it is
    useless if one member weighs much; Tiwari, Clegg & Zou 2006, Stat. Methods Med. Res. 15, use the mean weight for that
    reason.)
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


def beta_quantile(q: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = q, the q-quantile of Beta(a, b)."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, q))


def beta_probability(x: float, a: float, b: float) -> float:
    """The chance that Beta(a, b) is below x."""
    from scipy.special import betainc

    return float(betainc(a, b, x))


def t_quantile(q: float, degrees: float) -> float:
    """The q-quantile of Student's t; the degrees of freedom need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, q))


def t_probability(degrees: float, value: float) -> float:
    """The chance that Student's t is below a value."""
    from scipy.special import stdtr

    return float(stdtr(degrees, value))


def check_counts(correct: int, judged: int) -> None:
    """Raise for impossible counts, which are our bug, never a user's mistake."""
    if not 0 <= correct <= judged:
        raise ValueError(f"need 0 <= correct <= judged, got {correct} of {judged}")


def clopper_pearson(
    successes: int, trials: int, *, confidence: float = CONFIDENCE, estimand: str = "binomial proportion"
) -> Estimate | None:
    """successes/trials with the exact interval of Clopper & Pearson (1934, Biometrika 26); None without trials.

    Trials must be independent and their number fixed beforehand. Used for error rates of audits and, over clusters, where
    every observation agrees and a t interval would have no width.
    """
    check_counts(successes, trials)
    if trials == 0:
        return None
    tail = (1.0 - confidence) / 2.0
    # A beta distribution has no parameter 0, so both ends are stated.
    low = beta_quantile(tail, successes, trials - successes + 1) if successes > 0 else 0.0
    high = beta_quantile(1.0 - tail, successes + 1, trials - successes) if successes < trials else 1.0
    return Estimate(successes / trials, low, high, trials, trials, "Clopper-Pearson", estimand)


def sampled_share(strata: Sequence[StratumSample], whole: float, *, estimand: str) -> Estimate | None:
    """The share sum(values) / `whole`, `whole` being the sum of all weights; None if a stratum has no sampled member.

    Point: Horvitz & Thompson (1952). Interval: the beta distribution whose mean and variance are those of the estimate with
    one more event of the largest expanded unit weight, on each side (Fay & Feuer 1997, Stat. Med. 16, who match gammas to
    weighted Poisson counts; here betas, so that one stratum with equal weights gives the exact interval of Clopper &
    Pearson). Without any event it is 0 to about 3.7 times that weight, as audits need: a variance that is estimated from no
    event is 0, an interval must not be. `n` counts members, which the design draws independently: no clusters.
    """
    if whole <= 0 or any(not stratum.values for stratum in strata if stratum.size):
        return None
    filled = [stratum for stratum in strata if stratum.size]
    share = min(1.0, math.fsum(stratum.total for stratum in filled) / whole)
    alone = len(filled) == 1  # then the beta below is exact with the sample's own spread
    variance = math.fsum(sampling_variance(stratum, 0 if alone else 1) for stratum in filled) / whole**2
    weight = max((_expanded_unit(stratum) for stratum in filled), default=0.0) / whole
    tail = (1.0 - CONFIDENCE) / 2.0
    # The lower limit of a share is the upper one of its complement.
    low = 1.0 - _upper_limit(1.0 - share, variance, weight, tail)
    high = _upper_limit(share, variance, weight, tail)
    n = sum(len(stratum.values) for stratum in filled)
    return Estimate(share, max(0.0, min(low, share)), min(1.0, max(high, share)), n, n, STRATIFIED, estimand)


def sampling_variance(stratum: StratumSample, lost: int = 1) -> float:
    """Variance of the stratum's estimated total under sampling without replacement (Cochran 1977, eq. 5.6).

    `lost` degrees of freedom are taken for the mean.
    """
    n = len(stratum.values)
    # The whole stratum was seen, so nothing of it is uncertain.
    if n == stratum.size:
        return 0.0
    mean = math.fsum(stratum.values) / n
    if n == 1:  # one member shows no spread: the largest that a value in [0, unit] can have
        return stratum.size**2 * (1.0 - stratum.fraction) * stratum.unit**2 / 4.0
    spread = math.fsum((value - mean) ** 2 for value in stratum.values) / (n - lost)
    return stratum.size**2 * (1.0 - stratum.fraction) * spread / n


def _expanded_unit(stratum: StratumSample) -> float:
    """Weight of one more event in the whole; 0 if the whole stratum was seen.

    A sample of fraction f without an event leaves K events possible with probability (1 - f)^K, hence -1/log(1 - f) in
    the place of 1/f.
    """
    if len(stratum.values) >= stratum.size:
        return 0.0
    return -stratum.unit / math.log1p(-stratum.fraction)


def _upper_limit(share: float, variance: float, weight: float, tail: float) -> float:
    """Upper confidence limit of a share; for share = x/n, variance = share (1 - share)/n, weight = 1/n: Clopper-Pearson."""
    if share >= 1.0 or weight <= 0.0:
        return share
    mean = (share + weight) / (1.0 + weight)
    spread = variance + weight**2 * (1.0 - share)
    size = (1.0 + 2.0 * weight) * (1.0 + weight) ** 2 * mean * (1.0 - mean) / spread - 1.0
    if size <= 0.0:
        return 1.0
    return beta_quantile(1.0 - tail, mean * size, (1.0 - mean) * size)


def mover_sum(terms: Sequence[tuple[float, Interval]]) -> Interval:
    """The sum of c * part over (c, part) of independent parts (Zou & Donner 2008, Stat. Med. 27, eqs. 7 and 8).

    MOVER, the method of variance estimates recovery, keeps the skewness of its parts, so a part without events keeps its
    one-sided room and never gives an interval without width.
    """
    value = math.fsum(c * part[0] for c, part in terms)
    down = math.fsum((c * (part[0] - (part[1] if c > 0 else part[2]))) ** 2 for c, part in terms)
    up = math.fsum((c * ((part[2] if c > 0 else part[1]) - part[0])) ** 2 for c, part in terms)
    return value, value - math.sqrt(down), value + math.sqrt(up)


def mover_ratio(top: Interval, bottom: Interval) -> Interval | None:
    """top / bottom of independent, non-negative parts (Donner & Zou 2012, Stat. Methods Med. Res. 21, eq. 8).

    None if bottom is 0; the upper end is infinite if bottom's interval reaches 0.
    """
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    if b <= 0.0:
        return None
    product = a * b
    low = product - math.sqrt(max(0.0, product**2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high)))
    low_scale = b_high * (2 * b - b_high)
    lowest = low / low_scale if low_scale > 0 else a_low / b_high
    high_scale = b_low * (2 * b - b_low)
    if high_scale <= 0.0:
        return a / b, max(0.0, lowest), math.inf
    high = product + math.sqrt(max(0.0, product**2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low)))
    return a / b, max(0.0, min(lowest, a / b)), max(a / b, high / high_scale)
