"""Efficiency of a program against a reference, from repeated timings of tests (ENAMEL: Qiu et al. 2024, arXiv:2406.06647).

A level of tests has the limit T = alpha times the reference's longest time t*. Its score is max(0, T - t) / (T - t*) for
the program's longest time t, and 0 where a test was stopped; above 1 is faster than the reference. After a stopped test the
later levels score 0 too. The whole is the mean of the levels by their weights.
"""

from collections.abc import Sequence

import numpy as np


def hodges_lehmann(times: Sequence[float]) -> float:
    """The median of the means of all pairs of values, each value paired with itself too (Hodges & Lehmann 1963)."""
    values = np.asarray(times, dtype=np.float64)
    first, second = np.triu_indices(len(values))
    return float(np.median((values[first] + values[second]) / 2.0))


def program_efficiency(
    times: Sequence[Sequence[float | None]],
    references: Sequence[Sequence[float]],
    weights: Sequence[float],
    *,
    alpha: float = 2.0,
) -> float | None:
    """The efficiency of a right program; None without a weighted level.

    Args:
        times: By level and test, the program's time in seconds; None where it reached a limit.
        references: The reference's times, in the same order.
        weights: The weight of each level, 0 for one that tests correctness alone.
        alpha: The limit of a level, as a multiple of the reference's longest time; above 1.
    """
    total = sum(weight for weight, level in zip(weights, references, strict=True) if level)
    if total <= 0.0:
        return None
    score, stopped = 0.0, False
    for level, reference, weight in zip(times, references, weights, strict=True):
        known = [time for time in level if time is not None]
        stopped = stopped or len(known) < len(level)
        if reference and weight and not stopped:
            longest = max(reference)
            score += weight * max(0.0, alpha * longest - max(known)) / ((alpha - 1.0) * longest)
    return score / total
