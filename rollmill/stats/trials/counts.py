"""Cells of a trial from counts of completions: pass@k of each cell, its difference of two arms, the variance of one draw.

A measure that is not a rate (the mean log-probability of references) has its own table of cells:
`two_way(late - early, bounded=False)`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import CONFIDENCE
from rollmill.stats.draws.subsets import pass_at_ks
from rollmill.stats.trials.two_way import Array, Clusters, TwoWay, two_way


class ArmCounts(NamedTuple):
    """Completions `judged` and of these `correct` of one arm, (S, P): a row for each seed, a column for each problem."""

    judged: npt.ArrayLike
    correct: npt.ArrayLike


def pass_at_k_cells(arm: ArmCounts, k: int) -> Array:
    """(S, P): the unbiased pass@k of each cell (Chen et al. 2021, eq. 1); ValueError if fewer than k were judged."""
    judged, correct = np.broadcast_arrays(*(np.asarray(part, dtype=np.int64) for part in arm))
    if judged.ndim != 2:
        raise ValueError(f"counts are a table of seeds and problems, not of {judged.ndim} dimensions")
    few = np.argwhere(judged < k)
    if len(few):
        seed, problem = few[0]
        raise ValueError(
            f"pass@{k} needs {k} completions in every cell: {len(few)} of {judged.size} have fewer, the first of seed "
            f"{seed} and problem {problem} (from 0) with {judged[seed, problem]}"
        )
    return pass_at_ks(judged.ravel(), correct.ravel(), [k])[:, 0].reshape(judged.shape)


def pass_at_k_difference(
    before: ArmCounts, after: ArmCounts, k: int, clusters: Clusters | None = None, *, confidence: float = CONFIDENCE
) -> TwoWay | None:
    """The difference in pass@k of arm `after` to arm `before`, over seeds and problems; None without cells."""
    early, late = pass_at_k_cells(before, k), pass_at_k_cells(after, k)
    if early.shape != late.shape:
        raise ValueError(f"both arms have the same seeds and problems, not {early.shape} and {late.shape}")
    estimand = f"mean difference in pass@{k} over trainings and the population of problems"
    return two_way(late - early, clusters, confidence=confidence, estimand=estimand)


def draw_variance(*arms: ArmCounts) -> float:
    """The mean over cells of the variance of one draw, right or wrong, summed over the arms: p(1 - p) without bias.

    What a pilot's design needs (`pair_components`, `arm_components`). ValueError for a cell with fewer than two draws.
    """
    total = 0.0
    for arm in arms:
        judged, correct = (np.asarray(part, dtype=np.float64) for part in arm)
        if not judged.size or float(judged.min()) < 2.0:
            raise ValueError("the variance of a draw needs two completions in every cell")
        total += float((correct * (judged - correct) / judged / (judged - 1.0)).mean())
    return total
