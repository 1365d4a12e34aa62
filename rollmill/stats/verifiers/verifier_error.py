"""The error rates of a verifier and the rates corrected for them, from an audit.

The verifier has judged every rollout; a person has judged a random sample whose inclusion probabilities are known. What the
verifier says of all is corrected by the errors found in the sample, each weighted by its inverse probability: the
difference estimator (Cassel, Sarndal & Wretman 1976), also known as prediction-powered inference (Angelopoulos et al.
2023, arXiv:2301.09633) with the whole population predicted. Planted errors have no place here: they are not a sample.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from rollmill.stats.clusters.intervals import (
    CONFIDENCE,
    STRATIFIED,
    Estimate,
    Interval,
    StratumSample,
    clopper_pearson,
    mover_ratio,
    mover_sum,
    sampled_share,
    sampling_variance,
)
from rollmill.stats.clusters.means import Sums, mean_bounds, rounded

CORRECTED = "difference estimator, MOVER of weighted Clopper-Pearson"


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """Stratum of an audit, all of it accepted or all of it rejected by the verifier.

    `right` says of each audited member whether its verdict is right; `weights` are their weights in the rate and `weight`
    the sum over the whole stratum, `unit` its sum w^2 / sum w (see `StratumSample`). Left out, every member weighs 1.
    """

    accepted: bool
    size: int
    right: Sequence[bool]
    weights: Sequence[float] | None = None
    weight: float | None = None
    unit: float = 1.0

    @property
    def mass(self) -> float:
        """The stratum's sum of weights."""
        return float(self.size) if self.weight is None else self.weight

    def wrong(self) -> StratumSample:
        """The stratum as a sample whose values are 1 (or the weight) for a wrong verdict and 0 for a right one."""
        weights = self.weights if self.weights is not None else [1.0] * len(self.right)
        values = [0.0 if right else weight for right, weight in zip(self.right, weights, strict=True)]
        return StratumSample(self.size, values, self.unit)


def precision(cells: Sequence[ErrorCell], *, of: str = "accepted rollouts") -> Estimate | None:
    """The share of accepted rollouts that are right; None without accepted rollouts or before each stratum is audited."""
    wrong = _wrong(cells, lambda cell: cell.accepted)
    return None if wrong is None else _complement(wrong, f"share right of the {of}")


def verdict_accuracy(cells: Sequence[ErrorCell]) -> Estimate | None:
    """The share of verdicts that are right."""
    wrong = _wrong(cells, lambda _: True)
    return None if wrong is None else _complement(wrong, "share of verdicts that are right")


def false_accept_rate(cells: Sequence[ErrorCell]) -> Estimate | None:
    """P(accepted | the rollout is wrong); None if nothing is wrong or a stratum is not audited."""
    return _error_rate(cells, accepted=True, estimand="share accepted of the wrong rollouts")


def false_reject_rate(cells: Sequence[ErrorCell]) -> Estimate | None:
    """P(rejected | the rollout is right); None if nothing is right or a stratum is not audited."""
    return _error_rate(cells, accepted=False, estimand="share rejected of the right rollouts")


def corrected_rate(cells: Sequence[ErrorCell]) -> Estimate | None:
    """Rate of the verifier less its false accepts, plus its false rejects, as a share of all weight."""
    whole = sum(cell.mass for cell in cells)
    if whole <= 0:
        return None
    accepted = sum(cell.mass for cell in cells if cell.accepted) / whole
    lost, won = (_mass(cells, whole, accepted=side) for side in (True, False))
    if lost is None or won is None:
        return None
    # The verifier judged every rollout, so the accepted share has no sampling error.
    value, low, high = mover_sum([(1.0, (accepted, accepted, accepted)), (-1.0, lost), (1.0, won)])
    n = sum(len(cell.right) for cell in cells)
    return Estimate(_cut(value), _cut(low), _cut(high), n, n, CORRECTED, "share right of these rollouts")


def corrected_mean(cells: Sequence[ErrorCell], sums: Sums, *, estimand: str) -> Estimate | None:
    """The corrected mean over problems for the population that clusters of them were sampled from.

    `sums`: the verifier's outcomes summed over the problems of each cluster, corrected by the errors found in it with their
    inverse probabilities (the difference estimator, cluster by cluster). The spread of these sums holds both phases: which
    problems were sampled, with the true rates that they have, and which of their rollouts were audited (Sarndal, Swensson &
    Wretman 1992, section 9.4; the ultimate cluster's variance). The verifier's own spread would not do: a verifier that
    accepts everything has none. What no spread shows, errors that no audit met, is added by MOVER: what the weighted
    Clopper-Pearson intervals of both kinds of error have beyond the variance of the errors found.
    """
    whole = sum(cell.mass for cell in cells)
    if whole <= 0:
        return None
    unseen = [_unseen(cells, whole, accepted=side) for side in (True, False)]
    if unseen[0] is None or unseen[1] is None:
        return None
    mean = rounded(math.fsum(total for total, _ in sums) / math.fsum(size for _, size in sums))
    low, high, method = mean_bounds(sums, mean)
    value, low, high = mover_sum([(1.0, (mean, low, high)), (-1.0, unseen[0]), (1.0, unseen[1])])
    n = sum(len(cell.right) for cell in cells)
    return Estimate(value, _cut(low), _cut(high), n, len(sums), f"{CORRECTED} and {method}", estimand)


def _unseen(cells: Sequence[ErrorCell], whole: float, *, accepted: bool) -> Interval | None:
    """Interval of the weight of wrong verdicts on one side, beyond the errors found."""
    mass = _mass(cells, whole, accepted=accepted)
    if mass is None:
        return None
    # A stratum that weighs nothing may have been left out of the audit.
    samples = [cell.wrong() for cell in cells if cell.accepted == accepted and cell.right]
    deviations = NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)
    known = math.fsum(sampling_variance(sample) for sample in samples) * (deviations / whole) ** 2
    value, low, high = mass
    return 0.0, -math.sqrt(max(0.0, (value - low) ** 2 - known)), math.sqrt(max(0.0, (high - value) ** 2 - known))


def _error_rate(cells: Sequence[ErrorCell], *, accepted: bool, estimand: str) -> Estimate | None:
    """Errors on one side over all rollouts whose truth is on the other: errors / (errors + right verdicts there)."""
    mine = [cell for cell in cells if cell.accepted == accepted]
    others = [cell for cell in cells if cell.accepted != accepted]
    whole = sum(cell.mass for cell in cells)
    # With nothing on this side its true rate is unknown, not 0.
    wrong = _mass(cells, whole, accepted=accepted) if any(c.size for c in mine) else _none_of(cells)
    missed = _mass(cells, whole, accepted=not accepted)
    if whole <= 0 or wrong is None or missed is None:
        return None
    rest = sum(cell.mass for cell in others) / whole
    kept = mover_sum([(1.0, (rest, rest, rest)), (-1.0, missed)])
    # MOVER of a ratio needs parts of at least 0; the difference can fall below.
    odds = mover_ratio(wrong, (kept[0], max(0.0, kept[1]), kept[2]))
    if odds is None:
        return None
    # The rate w / (w + r) from its odds w / r: in this form the two parts are independent.
    value, low, high = (1.0 if part == float("inf") else part / (1.0 + part) for part in odds)
    n = sum(len(cell.right) for cell in (*mine, *others))
    return Estimate(value, low, high, n, n, CORRECTED, estimand)


def _none_of(cells: Sequence[ErrorCell]) -> Interval:
    """No rollout is on this side: 0 of so many, which does not mean a rate of 0."""
    none = clopper_pearson(0, max(1, sum(cell.size for cell in cells)))
    assert none is not None
    return 0.0, 0.0, none.high


def _mass(cells: Sequence[ErrorCell], whole: float, *, accepted: bool) -> Interval | None:
    """The weight of wrong verdicts on one side as a share of the whole weight."""
    mine = [cell for cell in cells if cell.accepted == accepted and cell.size]
    side = sum(cell.mass for cell in mine)
    if side <= 0:
        return 0.0, 0.0, 0.0
    share = sampled_share([cell.wrong() for cell in mine], side, estimand="")
    if share is None:
        return None
    factor = side / whole
    return share.value * factor, share.low * factor, share.high * factor


def _wrong(cells: Sequence[ErrorCell], chosen: Callable[[ErrorCell], bool]) -> Estimate | None:
    mine = [cell for cell in cells if chosen(cell)]
    return sampled_share([cell.wrong() for cell in mine], sum(cell.mass for cell in mine), estimand="")


def _complement(wrong: Estimate, estimand: str) -> Estimate:
    return Estimate(1.0 - wrong.value, 1.0 - wrong.high, 1.0 - wrong.low, wrong.n, wrong.clusters, STRATIFIED, estimand)


def _cut(value: float) -> float:
    return min(1.0, max(0.0, value))
