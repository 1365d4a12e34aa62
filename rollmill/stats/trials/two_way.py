"""The difference of two arms of trained models over seeds and problems, both of which were sampled.

    d(s, i) = mean + seed s + problem i + rest       arm 2 minus arm 1, the mean over the samples of a cell

An interval over problems speaks of these trained models only, and excludes the truth more often the more problems there
are; t over seeds forgets that other problems could have been asked. The variance here holds both (Cameron, Gelbach & Miller
2011, J. Bus. Econ. Stat. 29: clusters in two ways), with Student's t, because seeds are few.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.cluster_ratios import NO_SPREAD, ONE_CLUSTER
from rollmill.stats.clusters.differences import FEW, NO_CHANGE, POWER, hidden_change, share_at_most
from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, t_probability, t_quantile
from rollmill.stats.clusters.means import TIE, cluster_sums

Array = npt.NDArray[np.float64]
Clusters = Sequence[Hashable | None]

FEWEST_SEEDS = 3
"""Seeds from which on an interval speaks of other trainings too."""
THESE_MODELS = "of these trained models only"
ESTIMAND = "mean difference over trainings and the population of problems"


@dataclass(frozen=True, slots=True)
class VarianceParts:
    """Parts of the variance of the mean: V_P over problems and V_S over seeds, which both hold V_E, the rest."""

    problems: float
    seeds: float
    rest: float

    @property
    def whole(self) -> float:
        """max(V_P + V_S - V_E, V_P, V_S); Only V_E, if rows and columns cancel."""
        # V_P and V_S each hold V_E, so it is taken off once; an estimate of V_E can make the sum less than a part.
        most = max(self.problems + self.seeds - self.rest, self.problems, self.seeds)
        # TIE is a tolerance of means, and these are variances.
        return most if most > TIE**2 else self.rest

    @property
    def shares(self) -> tuple[float, float, float] | None:
        """Shares of problems, seeds and the rest in the variance of the mean; None if nothing varies."""
        # Differences of estimates can be negative; a share cannot.
        parts = (max(0.0, self.problems - self.rest), max(0.0, self.seeds - self.rest), self.rest)
        total = math.fsum(parts)
        return (parts[0] / total, parts[1] / total, parts[2] / total) if total > 0.0 else None


@dataclass(frozen=True, slots=True)
class TwoWay:
    """A difference with its 95% (or stated) interval and the two-sided p of no difference, of one and the same test.

    `detectable`: the true difference that such a trial shows four times in five; None if there is none to state.
    `by_seed`: the difference at each seed. `parts`: None for one seed. Of `change`, `n` counts problems, `clusters` units.
    """

    change: Estimate
    p: float
    detectable: float | None
    degrees: float
    by_seed: tuple[float, ...]
    parts: VarianceParts | None

    @property
    def over_seeds(self) -> bool:
        """False: the interval is over problems, of these trained models only."""
        return len(self.by_seed) >= FEWEST_SEEDS


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Cells (S, G) of seeds and units; `sizes` (G): problems of each unit, one or a template's."""

    cells: Array
    sizes: Array

    @property
    def shares(self) -> Array:
        """(G,): the share of all problems."""
        return np.asarray(self.sizes / self.sizes.sum(), dtype=np.float64)

    @property
    def by_seed(self) -> Array:
        """(S,): the mean over problems at each seed."""
        return np.asarray(self.cells @ self.sizes / self.sizes.sum(), dtype=np.float64)

    def parts(self) -> VarianceParts:
        """V_P, V_S and V_E of at least two seeds and two units; 0 for parts that one seed cannot estimate.

        Units of unequal size enter as in a linearised ratio. With equal ones V_P = var_i(mean_s d) / P, V_S =
        var_s(mean_i d) / S and V_E = SS_rest / ((S - 1)(P - 1) S P): the variances of a two-way table without replicates.
        """
        seeds, units = self.cells.shape
        by_seed, by_unit, squares = self.by_seed, self.cells.mean(axis=0), self.shares**2
        mean = float(by_seed.mean())
        factor = units / (units - 1)
        problems = factor * float(squares @ (by_unit - mean) ** 2)
        if seeds < 2:
            return VarianceParts(problems, 0.0, 0.0)
        rest = self.cells - by_unit - by_seed[:, None] + mean
        residual = factor * float(squares @ (rest**2).sum(axis=0)) / (seeds - 1) / seeds
        return VarianceParts(problems, float(by_seed.var(ddof=1)) / seeds, residual)


def two_way(
    differences: npt.ArrayLike,
    clusters: Clusters | None = None,
    *,
    bounded: bool = True,
    confidence: float = CONFIDENCE,
    estimand: str = ESTIMAND,
) -> TwoWay | None:
    """The mean of cells d(s, i), (S, P), of seeds and problems, with a Student interval; None without cells.

    V = max(V_P + V_S - V_E, V_P, V_S), degrees of freedom max(S - 1, V^2 / (V_S^2/(S-1) + V_P^2/(P-1))) (Satterthwaite
    1946). The problems of a cluster (a template) are one unit, and P is then the effective number of units. With fewer than
    three seeds V = V_P, and estimand and method say "of these trained models only".

    `bounded`: values are in [-1, 1], as differences of rates are, and so is the interval. Where so few problems changed
    that no pattern of their signs shows anything, its ends reach the Clopper-Pearson bound of such changes, as in
    `paired_test`; so they do if no cell differs from another. Without bounds (log-probabilities) and without spread
    there is no interval. ValueError for a missing cell, a ragged table, or a value beyond its bounds.
    """
    cells = checked_cells(differences, bounded=bounded)
    if not cells.size:
        return None
    table = units_of(cells, clusters)
    mean = math.fsum(cells.ravel()) / cells.size
    low, high, p, degrees, method = _tested(table, mean, bounded, confidence)
    if bounded:
        mean = max(-1.0, min(1.0, mean))
        low, high = max(-1.0, low), min(1.0, high)
    if len(cells) < FEWEST_SEEDS:
        method, estimand = f"{method}, {THESE_MODELS}", f"{estimand}, {THESE_MODELS}"
    change = Estimate(mean, min(low, mean), max(high, mean), cells.shape[1], len(table.sizes), method, estimand)
    parts = table.parts() if len(cells) > 1 and len(table.sizes) > 1 else None
    return TwoWay(change, p, _detectable(change, degrees, confidence), degrees, tuple(table.by_seed.tolist()), parts)


def checked_cells(values: npt.ArrayLike, *, bounded: bool) -> Array:
    """(S, P) finite numbers; ValueError names the first cell that is missing, for nothing fills it in."""
    try:
        cells = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("cells are a table of numbers: one row for each seed, each with every problem") from None
    if cells.size and cells.ndim != 2:
        raise ValueError(f"cells are a table of seeds and problems, not of {cells.ndim} dimensions")
    missing = np.argwhere(~np.isfinite(cells))
    if len(missing):
        raise ValueError(
            f"{len(missing)} of {cells.size} cells are missing, the first of seed {missing[0][0]} and problem "
            f"{missing[0][-1]} (from 0): evaluate every model of both arms on the same problems"
        )
    if bounded and cells.size and float(np.abs(cells).max()) > 1.0 + TIE:
        raise ValueError("differences of rates lie in [-1, 1]; for a measure without bounds: bounded=False")
    return cells


def units_of(cells: Array, clusters: Clusters | None) -> Units:
    """The cells of units, which are problems or, if they have one, their templates."""
    if clusters is None:
        return Units(cells, np.ones(cells.shape[1]))
    rows = [cluster_sums(row, clusters) for row in cells.tolist()]
    # The clusters are the same at every seed, so the first row has the sizes of all.
    sizes = np.array([size for _, size in rows[0]], dtype=np.float64)
    return Units(np.array([[total for total, _ in row] for row in rows]) / sizes, sizes)


Tested = tuple[float, float, float, float, str]
"""Low, high, p, degrees of freedom, method."""


def _tested(table: Units, mean: float, bounded: bool, confidence: float) -> Tested:
    seeds, units = table.cells.shape
    # The effective number of units (Kish 1965) less one; P - 1 for units of equal size.
    degrees = 1.0 / float(table.shares @ table.shares) - 1.0
    edge = 1.0 if bounded else math.inf
    if units < 2:
        return -edge, edge, 1.0, 0.0, ONE_CLUSTER
    parts = table.parts()
    error = math.sqrt(parts.problems if seeds < FEWEST_SEEDS else parts.whole)
    if error <= TIE * max(1.0, abs(mean)):
        return _without_spread(mean, units, bounded, confidence)
    method = "t over problems"
    if seeds >= FEWEST_SEEDS:
        scale = parts.seeds**2 / (seeds - 1) + parts.problems**2 / degrees
        # With no variance over problems or seeds only the rest varies, which has (S - 1)(P - 1) degrees of freedom.
        degrees = max(seeds - 1.0, parts.whole**2 / scale) if scale > 0.0 else (seeds - 1.0) * degrees
        method = "two-way t over seeds and problems"
    half = t_quantile((1.0 + confidence) / 2.0, degrees) * error
    low, high, p = mean - half, mean + half, 2.0 * t_probability(degrees, -abs(mean) / error)
    sums = list(zip((table.cells.mean(axis=0) * table.sizes).tolist(), table.sizes.tolist(), strict=True))
    # The least p that flips of the signs of the changed units can reach.
    least = min(1.0, 0.5 ** (sum(abs(total) > TIE for total, _ in sums) - 1))
    if bounded and units > FEW and least > 1.0 - confidence:
        low = min(low, -hidden_change(sums, -1, confidence))
        high, p = max(high, hidden_change(sums, 1, confidence)), max(p, least)
    return low, high, p, degrees, method


def _without_spread(mean: float, units: int, bounded: bool, confidence: float) -> Tested:
    """Every cell the same, but for rounding: a share of units may differ that was not met among so many."""
    if not bounded:
        return -math.inf, math.inf, 1.0, 0.0, NO_SPREAD
    hidden = share_at_most(0.0, units, confidence)
    if abs(mean) <= TIE:
        return -hidden, hidden, 1.0, 0.0, NO_CHANGE
    half = 2.0 * abs(mean) * hidden
    return mean - half, mean + half, 0.5 ** (units - 1), 0.0, "sign flips of units that tie"


def _detectable(change: Estimate, degrees: float, confidence: float) -> float | None:
    """The longer half of the interval times (t of 1 - alpha/2 + t of .8) / t of 1 - alpha/2 (Bloom 1995)."""
    if degrees <= 0.0:
        return None
    half = max(change.value - change.low, change.high - change.value)
    return half * (1.0 + t_quantile(POWER, degrees) / t_quantile((1.0 + confidence) / 2.0, degrees))
