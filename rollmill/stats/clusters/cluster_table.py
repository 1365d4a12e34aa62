"""Many means over the same problems, with whole clusters resampled: pass@1 .. pass@1024 with intervals and a band.

For metrics that are curves. The problems of a cluster (a template) were sampled together, so the cluster's sums are the
sampled units. Clusters with equal sums and sizes are kept once with their number: 10,000 problems of 1,024 completions are
at most 1,025 rows, and resampling is one matrix product, (resamples x rows) @ (rows x columns).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.few_clusters import FEW, posterior_bounds
from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, clopper_pearson, t_quantile
from rollmill.stats.clusters.means import CUT, TIE, UNSEEN, USUAL, hoeffding, posterior_level

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClusterTable:
    """`totals` (R, K): sums over a cluster's problems, `sizes` (R): their number, `counts` (R): equal clusters."""

    totals: Array
    sizes: Array
    counts: Ints

    @property
    def clusters(self) -> int:
        """The number of clusters."""
        return int(self.counts.sum())

    @property
    def problems(self) -> int:
        """The number of problems."""
        return round(float(self.counts @ self.sizes))

    def means(self) -> Array:
        """(K,): the mean of each column over all problems."""
        return np.asarray(self.counts @ self.totals / (self.counts @ self.sizes), dtype=np.float64)

    def resampled(self, resamples: int, seed: int = 0) -> Array:
        """(resamples, K): the means of as many clusters drawn with replacement, whole; the bootstrap over clusters."""
        rng, groups = np.random.default_rng(seed), self.clusters
        # Drawing clusters with replacement is multinomial over the distinct rows, each by its number.
        weights = rng.multinomial(groups, self.counts / groups, size=resamples).astype(np.float64)
        return np.asarray((weights @ self.totals) / (weights @ self.sizes)[:, None], dtype=np.float64)

    def bounds(self) -> tuple[Array, Array, list[str]]:
        """Lows, highs and methods: the interval of `mean_bounds` of every column, for values in [0, 1]."""
        means, groups, count = np.clip(self.means(), 0.0, 1.0), self.clusters, float(self.counts @ self.sizes)
        totals, sizes = self.totals / count, self.sizes / count
        unit = float(self.counts @ sizes**2)
        t = t_quantile((1.0 + CONFIDENCE) / 2.0, 1.0 / unit)
        exact = clopper_pearson(0, groups)
        assert exact is not None
        half = hoeffding(np.repeat(sizes, self.counts).tolist(), CONFIDENCE)
        at_end = (means <= TIE) | (means >= 1.0 - TIE)
        tied = (np.abs(totals - means * sizes[:, None]) <= TIE * sizes[:, None]).all(axis=0)
        single = np.full(len(means), groups < 2)
        usual = ~(at_end | tied | single)
        # A mean of 0 or 1 has no logit; .5 stands in, as such columns get another interval below.
        inner = np.where(usual, means, 0.5)
        high = self._upper((totals, sizes), inner, unit, t)
        low = 1.0 - self._upper((sizes[:, None] - totals, sizes), 1.0 - inner, unit, t)
        cut = np.zeros(len(means), dtype=np.bool_)
        if groups <= FEW and usual.any():
            least, most = posterior_bounds(*self._clusters(usual), posterior_level(CONFIDENCE))
            cut[usual] = (least > low[usual]) | (most < high[usual])
            low[usual], high[usual] = np.maximum(low[usual], least), np.minimum(high[usual], most)
        low, high = np.minimum(means, low), np.maximum(means, high)
        cases = [at_end, single, tied, cut]
        names = [
            "Clopper-Pearson over clusters",
            "one cluster: no interval",
            "Hoeffding over clusters that tie",
            CUT,
            USUAL,
        ]
        lows = np.select(
            cases[:3], [np.where(means < 0.5, 0.0, 1.0 - exact.high), 0.0 * means, np.maximum(0, means - half)], low
        )
        highs = np.select(
            cases[:3], [np.where(means < 0.5, exact.high, 1.0), 0.0 * means + 1.0, np.minimum(1, means + half)], high
        )
        return lows, highs, [names[at] for at in np.select(cases, range(4), 4)]

    def _clusters(self, columns: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
        """(clusters, columns) sums and (clusters,) sizes, one row for each cluster."""
        return np.repeat(self.totals[:, columns], self.counts, axis=0), np.repeat(self.sizes, self.counts)

    def _upper(self, shares: tuple[Array, Array], means: Array, unit: float, t: float) -> Array:
        """The upper ends as in `mean_bounds`; sums and sizes are shares of all, `unit` that of a typical cluster."""
        totals, sizes = shares
        unseen = UNSEEN * (1.0 - means) * unit
        whole = 1.0 + unseen
        centre = (self.counts @ totals + unseen) / whole
        squares = self.counts @ (totals - centre * sizes[:, None]) ** 2 + unseen * unit * (1.0 - centre) ** 2
        spread = np.clip(centre * (1.0 - centre), 1e-300, None)
        logit = np.log(centre / np.clip(1.0 - centre, 1e-300, None)) + t * np.sqrt(squares) / whole / spread
        return np.asarray(0.5 * (1.0 + np.tanh(logit / 2.0)), dtype=np.float64)

    def band(self, resamples: int = 2000, *, seed: int = 0) -> tuple[Array, Array]:
        """Simultaneous lows and highs for all columns, for values in [0, 1].

        max-t over resampled clusters (Davison & Hinkley 1997, section 4.2): the interval of each column is widened by the
        factor that the largest studentized deviation of a resampled curve has over that of one column. Never narrower than
        `bounds`, so a column without spread keeps its width.
        """
        draws, means = self.resampled(resamples, seed), self.means()
        spread = draws.std(axis=0)
        some = spread > TIE
        lows, highs, _ = self.bounds()
        if not some.any():
            return lows, highs
        largest = np.abs((draws[:, some] - means[some]) / spread[some]).max(axis=1)
        # The ratio of two critical values, so that the band keeps the shape of the pointwise intervals.
        factor = max(1.0, float(np.quantile(largest, CONFIDENCE)) / t_quantile((1.0 + CONFIDENCE) / 2.0, math.inf))
        return np.maximum(0.0, means - factor * (means - lows)), np.minimum(1.0, means + factor * (highs - means))

    def estimates(self, estimand: Sequence[str]) -> list[Estimate]:
        """Estimates of all columns, each with the interval of `bounds`."""
        rows = zip(self.means().tolist(), *self.bounds(), estimand, strict=True)
        return [Estimate(v, float(lo), float(hi), self.problems, self.clusters, how, what) for v, lo, hi, how, what in rows]


def cluster_table(
    rows: npt.ArrayLike, clusters: Sequence[Hashable | None] | None = None, place: npt.ArrayLike | None = None
) -> ClusterTable:
    """The table of P problems whose values are `rows[place]`, by default `rows` itself (P, K).

    `clusters[i]` names the cluster of problem i, None a cluster of its own. A few distinct `rows`, with each problem's
    place among them, save a table of all problems.
    """
    values = np.asarray(rows, dtype=np.float64)
    at = np.arange(len(values)) if place is None else np.asarray(place, dtype=np.int64)
    members: dict[Hashable, list[int]] = {}
    for problem, row in enumerate(at.tolist()):
        name = None if clusters is None else clusters[problem]
        # Tagged, because a cluster's name may be a number too.
        members.setdefault(("own", problem) if name is None else ("named", name), []).append(row)
    counts: dict[tuple[int, ...], int] = {}
    for mine in members.values():
        # Clusters of the same rows have the same sums, whatever the order of their problems.
        key = tuple(sorted(mine))
        counts[key] = counts.get(key, 0) + 1
    sizes = np.array([len(key) for key in counts], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.zeros(0, dtype=np.int64)
    flat = np.array([row for key in counts for row in key], dtype=np.int64)
    totals = np.add.reduceat(values[flat], starts, axis=0) if len(flat) else np.zeros((0, values.shape[-1]))
    return ClusterTable(totals, sizes.astype(np.float64), np.array(list(counts.values()), dtype=np.int64))


def group_shares(
    weights: npt.ArrayLike, place: npt.ArrayLike, groups: int, clusters: Sequence[Hashable | None], *, estimand: str
) -> list[Estimate] | None:
    """Share of each group in the sum of all weights (P, not negative); None if the sum is 0.

    `place[i]` is the group of problem i. The interval of each is that of `cluster_share`; `n` is the sum of the weights.
    """
    amounts = np.asarray(weights, dtype=np.float64)
    if amounts.sum() <= 0.0:
        return None
    codes: dict[Hashable, int] = {}
    names = (("own", problem) if name is None else ("named", name) for problem, name in enumerate(clusters))
    cluster = np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)
    cells = np.bincount(cluster * groups + np.asarray(place, dtype=np.int64), amounts, len(codes) * groups)
    totals = cells.reshape(len(codes), groups)
    # A cluster without weight says nothing of the shares.
    totals = totals[totals.sum(axis=1) > 0.0]
    same, counts = np.unique(totals, axis=0, return_counts=True)
    return ClusterTable(same, same.sum(axis=1), counts.astype(np.int64)).estimates([estimand] * groups)
