"""Shrunken pass rates: each problem's rate drawn towards what its siblings show. For display and forecasts,
never for selection claims: after 0 of 8 the mean pass rate is not 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from operator import truediv

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import check_counts

Array = npt.NDArray[np.float64]

_LEAST, _MOST = np.log(0.05), np.log(1000.0)
_GRIDS = tuple(np.linspace(-width, width, 41) for width in accumulate(repeat(6.0, 5), truediv, initial=_MOST))
_EPSILON = float(np.finfo(np.float64).eps)
_FACTORS = 48  # of one product, each below 1000 + 1000 + draws: it stays below 1e308 up to a million draws
_TERMS = 1 << 20  # at once


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
    counts = _TailCounts.of(pairs)
    log_a = log_b = np.float64(0.0)
    for grid in _GRIDS:
        logs_a, logs_b = (log_a + grid).clip(_LEAST, _MOST), (log_b + grid).clip(_LEAST, _MOST)
        row, column = _likeliest(np.exp(logs_a), np.exp(logs_b), counts)
        log_a, log_b = logs_a[row], logs_b[column]
    return BetaPrior(float(np.exp(log_a)), float(np.exp(log_b)))


@dataclass(frozen=True, slots=True)
class _TailCounts:
    """Numbers of problems with more than i right answers, wrong answers and draws, for i = 0, 1, ... below the most
    draws.
    """

    wins: Array
    losses: Array
    draws: Array

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> "_TailCounts":
        """Counts of (correct, judged) pairs."""
        counts = np.array(pairs, dtype=np.int64)
        top = int(counts[:, 1].max())
        return cls(*(_more_than(kind, top) for kind in (counts[:, 0], counts[:, 1] - counts[:, 0], counts[:, 1])))


def _more_than(counts: npt.NDArray[np.int64], top: int) -> Array:
    return (len(counts) - np.bincount(counts, minlength=top + 1).cumsum()[:top]).astype(np.float64)


def _likeliest(a: Array, b: Array, counts: _TailCounts) -> tuple[int, int]:
    """The first cell of the grid a x b with the greatest likelihood as `_log_likelihood` gives it.

    Computing it for every cell would be expensive. A cheaper sum, within about 1e-12, leaves a few candidate cells.
    """
    steps = np.arange(len(counts.draws))[:, None]
    right, wrong = counts.wins @ np.log(a + steps), counts.losses @ np.log(b + steps)
    both = _sum_of_logs(a[:, None] + b[None, :], counts.draws)
    about = right[:, None] + wrong[None, :] - both
    size = max(abs(right).max() + abs(wrong).max() + abs(both).max(), counts.draws.sum())
    slack = size * _EPSILON * 2 * (3 * len(steps) + 100)  # what the roundings of both sums come to at most
    rows, columns = np.nonzero(about >= about.max() - slack)
    if len(rows) > 1:
        first = int(np.argmax(_log_likelihood(a[rows], b[columns], counts)))
        return int(rows[first]), int(columns[first])
    return int(rows[0]), int(columns[0])


def _sum_of_logs(s: Array, weights: Array) -> Array:
    """The sum of weights[i] log(s + i), one logarithm for a run of equal weights: of the product."""
    total, at = np.zeros_like(s), s.copy()
    ends = [*(np.flatnonzero(np.diff(weights)) + 1).tolist(), len(weights)]
    for start, end in pairwise([0, *ends]):
        for first in range(start, end, _FACTORS):
            product = np.ones_like(s)
            for _ in range(first, min(end, first + _FACTORS)):
                product *= at
                at += 1.0
            total += weights[start] * np.log(product)
    return total


def _log_likelihood(a: Array, b: Array, counts: _TailCounts) -> Array:
    """Sum of log B(c + a, n - c + b) - log B(a, b) over the problems at pairs (a, b), by rising factorials."""
    half = len(a) // 2
    if half and 3 * len(counts.draws) * len(a) > _TERMS:
        return np.concatenate([_log_likelihood(a[:half], b[:half], counts), _log_likelihood(a[half:], b[half:], counts)])
    steps = np.arange(len(counts.draws))[:, None]
    terms = np.empty((3 * len(steps), len(a)))
    terms[0::3] = counts.wins[:, None] * np.log(a + steps)
    terms[1::3] = counts.losses[:, None] * np.log(b + steps)
    terms[2::3] = -counts.draws[:, None] * np.log(a + b + steps)
    return np.asarray(np.add.accumulate(terms)[-1], dtype=np.float64)  # one after another, as a plain loop adds them
