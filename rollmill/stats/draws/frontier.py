"""Frontier of a model over levels of difficulty: the posterior of the last level whose pass rate is at least a value.

Levels are in order of difficulty; the frontier K is the number of them whose rate is at least `value`, all below and none
above. A priori every K is equally likely. The distance of the rates near K from the value determines the draws needed, so
it is unknown: with a slope h, a level d steps from the frontier has a rate within min(1, h d) of the way from the value v
to 1 or to 0, uniformly. Given h its draws have the marginal likelihood

    (1 / (u - v)) int_v^u p^c (1-p)^(n-c) dp,  u = v + min(1, h d) (1 - v),   where it passes at distance d,

and likewise below v where it does not. P(K) is proportional to the product over the levels, summed over the slopes:
probabilistic bisection (Horstein 1963, IEEE Trans. Inf. Theory 9) with the noise that the draws have. With h = 1 alone it
decided too early when rates fall slowly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SLOPES: Array = 0.5 ** np.arange(6, dtype=np.float64)
_EDGES: Array = np.linspace(0.0, 1.0, 4097, dtype=np.float64)
_MIDDLES: Array = (_EDGES[1:] + _EDGES[:-1]) / 2.0
_LEAST = 1e-16  # of a level's likelihood; less is rounding
_ALIKE = 0.1  # intraclass correlation of a problem's draws before any is seen twice, and what that weighs
_WEIGHT = 15.0


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Judged and correct draws of one level; effective ones need not be whole."""

    judged: float
    correct: float


def effective_counts(levels: Sequence[Sequence[tuple[int, int]]]) -> list[LevelCounts]:
    """Effective independent draws and successes of each level, from (judged, correct) of its problems.

    Draws of one problem resemble one another. Their intraclass correlation rho is estimated by moments over all problems
    with two draws or more, shrunken to .1; a level's n draws are then worth n / (1 + (sum n_i^2 / n - 1) rho), Kish's
    design effect (1965, section 5.4).
    """
    totals = [(sum(n for n, _ in level), sum(c for _, c in level)) for level in levels]
    excess, pairs = _ALIKE * _WEIGHT, _WEIGHT
    for level, (judged, correct) in zip(levels, totals, strict=True):
        p = (correct + 0.5) / (judged + 1.0)
        for n, c in level:
            if n > 1:
                excess += (c - n * p) ** 2 - n * p * (1.0 - p)
                pairs += n * (n - 1) * p * (1.0 - p)
    rho = min(0.9, max(0.0, excess / pairs))
    sizes = [
        sum(n * n for n, _ in level) / judged if judged else 1.0 for level, (judged, _) in zip(levels, totals, strict=True)
    ]
    effects = [1.0 + (size - 1.0) * rho for size in sizes]
    return [LevelCounts(n / effect, c / effect) for (n, c), effect in zip(totals, effects, strict=True)]


def frontier_posterior(levels: Sequence[LevelCounts], value: float) -> list[float]:
    """P(K = 0), ..., P(K = number of levels), easiest level first."""
    count = len(levels)
    passes, fails = np.stack([_log_likelihoods(level.judged, level.correct, value, count) for level in levels], axis=1)
    place = np.arange(count)
    logs = np.stack(
        [
            passes[place[:k], :, k - 1 - place[:k]].sum(axis=0) + fails[place[k:], :, place[k:] - k].sum(axis=0)
            for k in range(count + 1)
        ]
    )
    weights = np.exp(logs - logs.max()).sum(axis=1)
    return [float(weight) for weight in weights / weights.sum()]


def credible_set(posterior: Sequence[float], confidence: float) -> tuple[int, int]:
    """The shortest run of values of K, first and last, that holds this much; the likeliest, then the lowest."""
    runs = [
        (last - first, -mass, first, last)
        for first in range(len(posterior))
        for last in range(first, len(posterior))
        if (mass := math.fsum(posterior[first : last + 1])) >= confidence - 1e-12
    ]
    _, _, first, last = min(runs)
    return first, last


def next_level(posterior: Sequence[float], open_levels: Sequence[int]) -> int:
    """The open level (from 0) whose answer halves the posterior best: its chance of a pass is nearest to a half."""
    chance = {level: math.fsum(posterior[level + 1 :]) for level in open_levels}
    return min(open_levels, key=lambda level: (round(abs(chance[level] - 0.5), 12), level))


def isotonic(levels: Sequence[LevelCounts]) -> list[float | None]:
    """The non-increasing rates of greatest likelihood (pool adjacent violators); None for a level without draws."""
    blocks: list[tuple[float, float, int]] = []  # rate, judged, levels
    for level in levels:
        if not level.judged:
            continue
        blocks.append((level.correct / level.judged, level.judged, 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (r1, n1, m1), (r2, n2, m2) = blocks[-2:]
            blocks[-2:] = [((r1 * n1 + r2 * n2) / (n1 + n2), n1 + n2, m1 + m2)]
    fitted = iter([rate for rate, _, members in blocks for _ in range(members)])
    return [next(fitted) if level.judged else None for level in levels]


def violation(levels: Sequence[LevelCounts]) -> float:
    """Distance of the raw rates from rates that fall with the level: the greatest one to the isotonic rates, 0 for none."""
    pairs = zip(levels, isotonic(levels), strict=True)
    return max((abs(level.correct / level.judged - rate) for level, rate in pairs if rate is not None), default=0.0)


@lru_cache(maxsize=4096)
def _log_likelihoods(judged: float, correct: float, value: float, levels: int) -> Array:
    """(2, slopes, distances 1, 2, ...): the log marginal likelihood of a level that passes, and of one that fails."""
    logs = correct * np.log(_MIDDLES) + (judged - correct) * np.log1p(-_MIDDLES)
    below = np.concatenate([[0.0], np.exp(logs - logs.max()).cumsum()])
    ends = np.array([1.0, 0.0])[:, None, None]
    reach = value + np.minimum(1.0, SLOPES[:, None] * np.arange(1, levels + 1)) * (ends - value)
    mass = np.abs(np.interp(reach, _EDGES, below) - np.interp(value, _EDGES, below))
    return np.asarray(np.log(np.maximum(mass, below[-1] * _LEAST) / np.abs(reach - value)), dtype=np.float64)
