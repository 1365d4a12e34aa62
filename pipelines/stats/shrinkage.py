"""Shrunken pass rates: each problem's rate drawn towards what its siblings show. Knows counts only.

After 0 of 8 the mean pass rate is not 0. For display and forecasts, never for selection claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.stats.jeffreys import check_counts

_STARTS = 41
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class BetaPrior:
    """Beta(a, b) from which the problems' pass rates are taken to come."""

    a: float
    b: float


JEFFREYS = BetaPrior(0.5, 0.5)


def shrunken_rate(correct: int, judged: int, prior: BetaPrior = JEFFREYS) -> float:
    """Posterior mean (c + a)/(n + a + b) of one problem's pass rate; for n = 0 it is the prior's mean."""
    check_counts(correct, judged)
    return (correct + prior.a) / (judged + prior.a + prior.b)


def fit_prior(correct: Sequence[int], judged: Sequence[int]) -> BetaPrior:
    """The beta prior of greatest beta-binomial likelihood (Griffiths 1973, Biometrics 29), a and b within [0.05, 1000].

    Numbers n_i must not depend on the outcomes. Fewer than two judged problems: the Jeffreys prior. All right or all wrong:
    the likelihood has no maximum and would claim that nothing else is possible, so one more problem with one right of two
    is taken to have been seen. Grid search refined six times, so the answer is a pure function of the counts and needs no
    optimiser.
    """
    pairs = [(c, n) for c, n in zip(correct, judged, strict=True) if n > 0]
    for c, n in pairs:
        check_counts(c, n)
    if len(pairs) < 2:
        return JEFFREYS
    if sum(c for c, _ in pairs) in (0, sum(n for _, n in pairs)):
        pairs.append((1, 2))
    unique, weights = np.unique(np.array(pairs, dtype=np.int64), axis=0, return_counts=True)
    centre, width = np.array([0.0, 0.0]), np.log(1000.0)
    for _ in range(_ROUNDS):
        grid = np.linspace(-width, width, _STARTS)
        logs_a = np.clip(centre[0] + grid, np.log(0.05), np.log(1000.0))
        logs_b = np.clip(centre[1] + grid, np.log(0.05), np.log(1000.0))
        likelihood = _log_likelihood(np.exp(logs_a)[:, None], np.exp(logs_b)[None, :], unique, weights)
        best = np.unravel_index(int(np.argmax(likelihood)), likelihood.shape)
        centre, width = np.array([logs_a[best[0]], logs_b[best[1]]]), width / 6
    return BetaPrior(float(np.exp(centre[0])), float(np.exp(centre[1])))


def _log_likelihood(
    a: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
    pairs: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Weighted sum of log B(c + a, n - c + b) - log B(a, b) on a grid of (a, b), by rising factorials (no log-gamma)."""
    top = int(pairs[:, 1].max())
    total = np.zeros(np.broadcast(a, b).shape)
    wins, losses, draws = (np.zeros(top + 1) for _ in range(3))
    for (c, n), weight in zip(pairs, weights, strict=True):
        wins[:c] += weight
        losses[: n - c] += weight
        draws[:n] += weight
    for i in range(top):
        total = total + wins[i] * np.log(a + i) + losses[i] * np.log(b + i) - draws[i] * np.log(a + b + i)
    return np.asarray(total, dtype=np.float64)
