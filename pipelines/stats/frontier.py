"""Where a model's pass rate falls below a value as levels rise: the posterior of the last level it passes. Knows counts.

Levels are in order of difficulty; the frontier K is the number of them whose rate is at least `value`, all below and none
above: monotone in this sense only, no curve is assumed. A priori every K is equally likely, and a rate is uniform on its
side of the value. Draws of a level then have the marginal likelihood

    (1 / (1 - v)) int_v^1 p^c (1-p)^(n-c) dp  where it passes,   (1 / v) int_0^v p^c (1-p)^(n-c) dp  where it does not,

and P(K) is proportional to the product: probabilistic bisection (Horstein 1963, IEEE Trans. Inf. Theory 9) with the noise
that the draws have. Draws should come from different problems of a level: of one problem they are not independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stats.special import beta_cdf

_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Judged and correct draws of one level."""

    judged: int
    correct: int


def frontier_posterior(levels: Sequence[LevelCounts], value: float) -> list[float]:
    """P(K = 0), ..., P(K = number of levels), easiest level first."""
    passes = [_log_passes(level, value) for level in levels]
    fails = [_log_fails(level, value) for level in levels]
    logs = [math.fsum(passes[:k]) + math.fsum(fails[k:]) for k in range(len(levels) + 1)]
    weights = [math.exp(log - max(logs)) for log in logs]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


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
    """Of these levels (numbers from 0) the one whose answer halves the posterior best: P(it passes) nearest a half."""
    chance = {level: math.fsum(posterior[level + 1 :]) for level in open_levels}
    return min(open_levels, key=lambda level: (round(abs(chance[level] - 0.5), 12), level))


def isotonic(levels: Sequence[LevelCounts]) -> list[float | None]:
    """The non-increasing rates of greatest likelihood (pool adjacent violators); None for a level without draws."""
    blocks: list[tuple[float, int, int]] = []  # rate, judged, levels
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
    """How far the raw rates are from falling with the level: the greatest distance to the isotonic ones, 0 for none."""
    pairs = zip(levels, isotonic(levels), strict=True)
    return max((abs(level.correct / level.judged - rate) for level, rate in pairs if rate is not None), default=0.0)


def _log_passes(level: LevelCounts, value: float) -> float:
    a, b = level.correct + 1.0, level.judged - level.correct + 1.0
    return math.log(max(beta_cdf(1.0 - value, b, a), _LEAST)) - math.log(1.0 - value)


def _log_fails(level: LevelCounts, value: float) -> float:
    a, b = level.correct + 1.0, level.judged - level.correct + 1.0
    return math.log(max(beta_cdf(value, a, b), _LEAST)) - math.log(value)
