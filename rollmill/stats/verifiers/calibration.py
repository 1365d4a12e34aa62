"""Discrimination and calibration of a score against verdicts: AUROC, Brier score, calibration error.

For any score of completions against their verdicts. Completions of one problem, and problems of one template, are not
independent: every interval is over clusters. Ties are treated by their expectation, never by the order of rows.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.cluster_ratios import cluster_share
from rollmill.stats.clusters.intervals import Estimate, clopper_pearson, t_quantile
from rollmill.stats.clusters.means import TIE, cluster_sums, population_mean

Array = npt.NDArray[np.float64]
Clusters = Sequence[Hashable | None]
AUROC = "chance that a right completion has a higher score than a wrong one"
WITHIN = "chance that a right completion has a higher score than a wrong one of the same problem"


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Completions of neighbouring scores: their number, mean score and share correct with its interval."""

    n: int
    mean_score: float
    correct: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a score. `error`: the expected calibration error over these bins. `noise`: its mean if the scores were
    calibrated.

    An error whose interval includes 0 is not distinguished from noise.
    """

    error: Estimate
    noise: float
    bins: tuple[CalibrationBin, ...]


def auroc(scores: npt.ArrayLike, correct: npt.ArrayLike, clusters: Clusters | None = None) -> Estimate | None:
    """The chance that a right completion outscores a wrong one, a tie counting one half; None without both kinds.

    Mann & Whitney (1947) with midranks. Interval: cluster t on the logit scale with the error of Obuchowski (1997,
    Biometrics 53), in which the placements of a cluster's completions are summed. Complete separation, either way:
    Clopper-Pearson over the smaller number of clusters that hold a right, or a wrong one. One cluster: [0, 1].
    """
    score, right = _columns(scores, correct)
    good, bad = score[right], score[~right]
    if not len(good) or not len(bad):
        return None
    placed = np.empty(len(score))
    # Of a right one the share of wrong ones below it, of a wrong one the share of right ones above it: the mean is AUROC.
    placed[right], placed[~right] = _placements(good, bad), 1.0 - _placements(bad, good)
    value = float(placed[right].mean())
    share = np.where(right, 1.0 / len(good), 1.0 / len(bad))
    residuals = cluster_sums(((placed - value) * share).tolist(), clusters)
    holding = [len({cluster for cluster, r in _named(clusters, right) if r is kind}) for kind in (True, False)]
    low, high, method = _logit_bounds(value, [total for total, _ in residuals], min(holding))
    return Estimate(value, low, high, len(score), len(residuals), method, AUROC)


def auroc_within(
    scores: npt.ArrayLike, correct: npt.ArrayLike, problems: npt.ArrayLike, clusters: Clusters | None = None
) -> Estimate | None:
    """AUROC over pairs of one problem, which matters for a choice among its completions; None without such pairs.

    The pooled AUROC is already high if a score separates easy problems from hard ones. `problems`: a number per completion;
    n counts those with such pairs.
    """
    score, right = _columns(scores, correct)
    owner = np.asarray(problems, dtype=np.int64)
    wins, pairs, names = [], [], []
    for rows in np.split(np.argsort(owner, kind="stable"), np.cumsum(np.unique(owner, return_counts=True)[1])[:-1]):
        good, bad = score[rows][right[rows]], score[rows][~right[rows]]
        if len(good) and len(bad):
            # Back to a number of pairs, as problems count by their pairs.
            wins.append(float(_placements(good, bad).sum()) * len(bad))
            pairs.append(len(good) * len(bad))
            names.append(None if clusters is None else clusters[int(rows[0])])
    return cluster_share(wins, pairs, names, estimand=WITHIN)


def brier(scores: npt.ArrayLike, correct: npt.ArrayLike, clusters: Clusters | None = None) -> Estimate | None:
    """The mean of (score - verdict)^2 of scores in [0, 1] (Brier 1950); 0 is perfect, always saying .5 gives .25."""
    score, right = _chances(scores, correct)
    return population_mean(
        ((score - right) ** 2).tolist(), clusters, estimand="mean squared difference of score and verdict"
    )


def calibration(
    scores: npt.ArrayLike,
    correct: npt.ArrayLike,
    clusters: Clusters | None = None,
    *,
    bins: int = 15,
    resamples: int = 1000,
    seed: int = 0,
) -> Calibration | None:
    """ECE of scores in [0, 1] over bins of equal counts, the mean of |share correct - mean score|; None without any.

    Equal scores are never parted, so bins differ in size if there are many ties. Binned errors are absolute values, so
    noise alone makes them positive: `noise` is that part, and the interval is error +- the .95 quantile of the noise of
    resampled clusters, widened as a t interval is for the number of clusters in a bin. It holds whatever the true errors
    are (triangle inequality) and is wide for it.
    """
    score, right = _chances(scores, correct)
    if not len(score):
        return None
    bin_of = _equal_bins(score, bins)
    names = [name for name, _ in _named(clusters, right)]
    index = {name: place for place, name in enumerate(dict.fromkeys(names))}
    sums = np.zeros((len(index), int(bin_of.max()) + 1))
    counts, at = np.zeros_like(sums), (np.array([index[name] for name in names]), bin_of)
    np.add.at(sums, at, right - score)
    np.add.at(counts, at, 1.0)
    error = float(np.abs(sums.sum(axis=0)).sum()) / len(score)
    groups = len(index)
    # Less 1: a resampled sum minus the observed one is its noise, whatever the true errors are.
    weights = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1.0 / groups), size=resamples) - 1.0
    noise = np.abs(weights @ sums).sum(axis=1) / len(score)
    holding = float(np.median((counts > 0).sum(axis=0)))  # clusters in a bin: resampling few shows too little noise
    reach, method = float(np.quantile(noise, 0.95)), "error +- noise of resampled clusters"
    if holding > 1.0:
        reach *= t_quantile(0.975, holding - 1.0) / t_quantile(0.975, math.inf)
    if groups < 2 or holding <= 1.0 or reach < TIE:
        reach, method = 1.0, "one cluster: no interval" if groups < 2 else "no spread seen: no interval"
    what = f"expected calibration error over {sums.shape[1]} bins of equal counts"
    estimate = Estimate(error, max(0.0, error - reach), min(1.0, error + reach), len(score), groups, method, what)
    return Calibration(
        estimate, float(noise.mean()), tuple(_bin(score, right, names, bin_of == b) for b in range(sums.shape[1]))
    )


def _bin(score: Array, right: Array, names: Sequence[Hashable], rows: npt.NDArray[np.bool_]) -> CalibrationBin:
    mine = [names[place] for place in np.flatnonzero(rows).tolist()]
    share = population_mean(right[rows].tolist(), mine, estimand="share correct at these scores")
    assert share is not None
    return CalibrationBin(len(mine), float(score[rows].mean()), share)


def _equal_bins(score: Array, bins: int) -> npt.NDArray[np.int64]:
    """The bin of each completion, numbered from 0 in order of the scores without a gap."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    # Equal scores go together, into the bin of their middle rank.
    middle = np.cumsum(counts) - counts / 2.0
    wanted = np.floor(middle * min(bins, len(values)) / len(score)).astype(np.int64)
    return np.asarray(np.unique(wanted, return_inverse=True)[1].ravel()[place.ravel()], dtype=np.int64)


def _placements(mine: Array, others: Array) -> Array:
    """The share of `others` below each of mine, ties one half."""
    ranked = np.sort(others)
    return (np.searchsorted(ranked, mine, "left") + np.searchsorted(ranked, mine, "right")) / (2.0 * len(others))


def _logit_bounds(value: float, residuals: Sequence[float], holding: int) -> tuple[float, float, str]:
    groups = len(residuals)
    if groups < 2:
        return 0.0, 1.0, "one cluster: no interval"
    # Complete separation has no logit, and its spread of 0 says nothing of unseen clusters.
    if not TIE < value < 1.0 - TIE:
        exact = clopper_pearson(holding if value > 0.5 else 0, holding)
        assert exact is not None
        return exact.low, exact.high, "separated: Clopper-Pearson over clusters"
    squares = math.fsum(residual**2 for residual in residuals)
    if squares <= TIE**2 or holding < 2:
        return 0.0, 1.0, "no spread seen: no interval"
    half = t_quantile(0.975, holding - 1) * math.sqrt(groups / (groups - 1) * squares) / (value * (1.0 - value))
    logit = math.log(value / (1.0 - value))
    # The logistic function by tanh, which does not overflow.
    low, high = (0.5 * (1.0 + math.tanh((logit + side * half) / 2.0)) for side in (-1, 1))
    return low, high, "cluster t on the logit scale"


def _columns(scores: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.bool_]]:
    score, right = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=bool)
    if score.shape != right.shape or np.isnan(score).any():
        raise ValueError("a score and a verdict for each completion, none missing")
    return score, right


def _chances(scores: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Array, Array]:
    score, right = _columns(scores, correct)
    if len(score) and not 0.0 <= float(score.min()) <= float(score.max()) <= 1.0:
        raise ValueError(f"scores from {score.min():g} to {score.max():g} are not probabilities of being right")
    return score, right.astype(np.float64)


def _named(clusters: Clusters | None, right: npt.NDArray[np.generic]) -> list[tuple[Hashable, bool]]:
    """The cluster of each completion, a name for those that are one of their own, with its verdict."""
    names: list[Hashable] = [
        ("own", place) if clusters is None or clusters[place] is None else ("named", clusters[place])
        for place in range(len(right))
    ]
    return list(zip(names, right.astype(bool).tolist(), strict=True))
