"""Change in a dataset's composition from one version to the next: the total variation distance of two shares.

Half the sum of the absolute differences of all shares: the part of the rows that would have to change their category.
0 means no change and 1 nothing in common; for two categories it is the difference of the share. Rows of one template are
not independent, and versions share problems: the difference within each cluster is the sampled value.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import Estimate, clopper_pearson, t_quantile
from rollmill.stats.clusters.means import TIE

ESTIMAND = "total variation between the populations that the two versions' problems come from"
FLIPS = 999
_BLOCKS = 1000  # clusters beyond so many are flipped together in groups

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """`distance` with its 95% interval. `chance`: what two versions of one composition exceed in one of twenty; `p`: how
    often they are at least as far apart. `n_before`, `n_after`: the rows of both.
    """

    distance: Estimate
    chance: float
    p: float


def total_variation(before: Array, after: Array, *, seed: int = 0) -> Shift | None:
    """The distance of two compositions, (C, K) each: the rows of every cluster in every category. None for no rows.

    `chance` and `p`: the differences of whole clusters from the pooled composition change their signs, which they could as
    well have had if nothing but chance differed (the test of `sign_flips` in K dimensions). Interval: a t interval with
    the linearised error over clusters (Cochran 1977, section 6) of the share of the categories that gained; its lower end
    is 0 unless p < .05, because a distance is never below 0 and so reads too high if nothing changed. No cluster
    differs: at most the Clopper-Pearson bound of the share of clusters in which a change can be hidden.
    """
    rows = float(before.sum()), float(after.sum())
    if min(rows) <= 0.0:
        return None
    early, late = before / rows[0], after / rows[1]
    first, second = early.sum(axis=0), late.sum(axis=0)
    clusters = int(((before.sum(axis=1) + after.sum(axis=1)) > 0).sum())
    value = min(1.0, 0.5 * float(np.abs(second - first).sum()))
    value = 0.0 if value <= TIE else value
    low, high, method = 0.0, 1.0, "one cluster: no interval"
    chance, p = _chance(_residuals(late, (first + second) / 2) - _residuals(early, (first + second) / 2), value, seed)
    moved = (_residuals(late, second) - _residuals(early, first))[:, second > first].sum(axis=1)
    squares = float((moved**2).sum())
    if clusters > 1 and squares <= TIE**2 and value == 0.0:
        none = clopper_pearson(0, clusters)
        assert none is not None
        high, method = none.high, "no change, Clopper-Pearson over clusters"
    elif clusters > 1:
        weights = (early.sum(axis=1) + late.sum(axis=1)) / 2
        degrees = max(1.0, 1.0 / float((weights**2).sum()) - 1.0)
        half = t_quantile(0.975, degrees) * math.sqrt(clusters / (clusters - 1) * squares)
        low, high = (max(0.0, value - half) if p < 0.05 else 0.0), min(1.0, value + half)
        method = "cluster t, sign flips over clusters"
    n = round(min(rows))
    return Shift(Estimate(value, low, high, n, clusters, method, ESTIMAND), chance, p)


def _residuals(shares: Array, composition: Array) -> Array:
    """Excess of every cluster in each category over its size times the composition."""
    return np.asarray(shares - shares.sum(axis=1, keepdims=True) * composition, dtype=np.float64)


def _chance(differences: Array, value: float, seed: int) -> tuple[float, float]:
    """The 95% quantile of the distance when clusters flip their signs, and how often it is at least `value`."""
    groups = np.zeros((min(len(differences), _BLOCKS), differences.shape[1]))
    np.add.at(groups, np.arange(len(differences)) % len(groups), differences)
    signs = np.random.default_rng(seed).integers(0, 2, size=(FLIPS, len(groups))) * 2.0 - 1.0
    drawn = 0.5 * np.abs(signs @ groups).sum(axis=1)
    return min(1.0, float(np.quantile(drawn, 0.95))), float(((drawn >= value - TIE).sum() + 1) / (FLIPS + 1))
