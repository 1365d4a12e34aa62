"""Quality of graded scores against grades by people, beside what the same grade for everything would reach.

Quality of a grade is 1 - |given - true| / largest grade (CHECK-MAT). If the true grades 0, 1 and 2 are equally frequent,
the constant 1 reaches .667, so a quality is never shown without its constant baselines.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.stats.clusters.intervals import Estimate
from rollmill.stats.clusters.means import population_mean

Clusters = Sequence[Hashable | None]
QUALITY = "mean of 1 - |given - true| / largest grade"
EXACT = "share of grades that are equal to the true one"
WITHIN_ONE = "share of grades at most one from the true one"
NEAR = 1e-9  # of equal grades


@dataclass(frozen=True, slots=True)
class GradedQuality:
    """Agreement of given with true grades. `kappa`: quadratic weights; None where chance alone explains everything.

    `missing`: rows without a given grade, which count as quality 0 and as wrong.
    """

    quality: Estimate
    exact: Estimate
    within_one: Estimate
    kappa: float | None
    missing: int


def graded_quality(
    given: Sequence[float | None], true: Sequence[float], most: float, clusters: Clusters | None = None
) -> GradedQuality | None:
    """Agreement of given grades, cut to 0 to `most`, with true ones; None without rows."""
    if not true:
        return None
    # A judge may leave the scale, and the quality has to stay in [0, 1].
    cut = [None if grade is None else min(max(grade, 0.0), most) for grade in given]
    distances = [None if grade is None else abs(grade - truth) for grade, truth in zip(cut, true, strict=True)]
    known = [(grade, truth) for grade, truth in zip(cut, true, strict=True) if grade is not None]
    return GradedQuality(
        _mean([0.0 if distance is None else 1 - distance / most for distance in distances], clusters, QUALITY),
        _mean([float(distance is not None and distance < NEAR) for distance in distances], clusters, EXACT),
        _mean([float(distance is not None and distance < 1 + NEAR) for distance in distances], clusters, WITHIN_ONE),
        weighted_kappa(known),
        sum(grade is None for grade in given),
    )


def _mean(values: Sequence[float], clusters: Clusters | None, estimand: str) -> Estimate:
    mean = population_mean(values, clusters, estimand=estimand)
    if mean is None:
        raise ValueError("a mean of no grades")
    return mean


def constant_grades(true: Sequence[float], most: int, clusters: Clusters | None = None) -> dict[int, GradedQuality]:
    """Quality of giving every row the same grade, by that grade from 0 to `most`."""
    baselines = {grade: graded_quality([float(grade)] * len(true), true, most, clusters) for grade in range(most + 1)}
    return {grade: quality for grade, quality in baselines.items() if quality is not None}


def weighted_kappa(pairs: Sequence[tuple[float, float]]) -> float | None:
    """1 - (mean squared distance) / (its mean if grades were paired at random) (Cohen 1968)."""
    if not pairs:
        return None
    given, true = np.array(pairs, dtype=np.float64).T
    chance = float(((given[:, None] - true[None, :]) ** 2).mean())
    # All grades are the same on both sides, so no agreement is beyond chance.
    return None if not chance else 1 - float(((given - true) ** 2).mean()) / chance
