"""Set method `facility`: the units that are most like all others, by facility location over vectors of texts.

The value of a set is the sum over all rows of the largest cosine to a chosen one (negative ones count as 0). It is
submodular: a second unit of one topic gains little. No parameter is set.

Up to `EXACT` different vectors the value and the bound of the greedy choice are exact. Beyond, the sum goes over a seeded
sample of rows, about twenty for each pick and at least `FEWEST` (all of them, if that many are picked). A row then counts
only its nearest vectors: four times as many as there are vectors for each pick. With so few picks that `FEWEST` is more
than twenty for each, it counts all. The greedy bound holds for this smaller sum. Memory is about 80 cosines for each
candidate, whatever the size.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix

from rollmill.methods import ChosenUnits, Floats, Ints, MixUnits, units_by_id
from rollmill_mixing.selection.lazy_greedy import lazy_greedy
from rollmill_mixing.selection.neighbours import nearest_rows

EXACT = 4_000  # different vectors, whose cosines are all computed
SAMPLED = 20  # rows for each pick
FEWEST = 1_000  # rows of a sample
SHARED = 4  # nearest vectors of a row, times the vectors for each pick
NEAREST = 32  # nearest vectors of a row at least
SHOWN = 4_000  # sampled rows of the facts


class Facility:
    """Needs `signals: {text: {of: prompt}}`."""

    name, version = "facility", "1"

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Picks from the largest gain to the smallest.

        `facts`: mean of the cosine to the nearest pick over rows; `rows`: their number, `nearest`: vectors that one counts,
        without it all of them.
        """
        order = units_by_id(table)
        vectors, rows = table.need_vectors()[order], table.rows[order]
        points, point = distinct(vectors)
        weights = np.bincount(point, weights=rows, minlength=len(points)).astype(np.float64)
        exact = len(points) <= EXACT
        value = Cosines(points, weights) if exact else sampled(points, weights, size, seed)
        # A second unit at one point gains nothing, and of equal numbers of rows the first one is taken.
        queues: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for unit in range(len(order)):
            queues[int(point[unit]), int(rows[unit])].append(unit)

        def gains(units: Sequence[int]) -> Floats:
            return value.gains(point[units])

        picks, gained = lazy_greedy(list(queues.values()), rows, size, gains, lambda unit: value.take(int(point[unit])))
        return ChosenUnits([order[unit] for unit in picks], gained, value.facts(point[picks]))


class Cosines:
    """The value by all cosines between points; `weights`: rows of each."""

    def __init__(self, points: Floats, weights: Floats) -> None:
        self._similar, self._weights = np.maximum(points @ points.T, 0.0), weights
        self._nearest = np.zeros(len(points))

    def gains(self, points: Ints) -> Floats:
        """Gains of these points."""
        gained: Floats = np.maximum(self._similar[points] - self._nearest, 0.0) @ self._weights
        return gained

    def take(self, point: int) -> None:
        """Add a point to the set."""
        np.maximum(self._nearest, self._similar[point], out=self._nearest)

    def facts(self, picks: Ints) -> dict[str, float]:
        """The mean cosine to the nearest pick."""
        del picks
        return {"mean_similarity": float(np.average(self._nearest, weights=self._weights))} if len(self._weights) else {}


class RowSample:
    """Rows drawn from points by a seed, with the weights of all. `rows`: their places."""

    def __init__(self, points: Floats, weights: Floats, count: int, seed: int) -> None:
        self.rows = np.sort(np.random.default_rng(seed).permutation(len(points))[:count])
        self.points, taken = points.astype(np.float32), weights[self.rows]
        self.weights = taken * (weights.sum() / taken.sum())

    def facts(self, picks: Ints) -> dict[str, float]:
        """The mean cosine of rows to the nearest pick, all picks counted."""
        chosen = self.points[np.unique(picks)]
        nearest = [
            (self.points[self.rows[at : at + 1_024]] @ chosen.T).max(axis=1, initial=0.0)
            for at in range(0, min(len(self.rows), SHOWN), 1_024)
        ]
        values = np.concatenate(nearest)
        mean = float(np.average(values, weights=self.weights[: len(values)]))
        return {"mean_similarity": mean, "rows": len(self.rows)}


def sampled(points: Floats, weights: Floats, size: int, seed: int) -> "FewPicks | Neighbours":
    """The value over a sample for this number of picks."""
    if SAMPLED * size < FEWEST:
        return FewPicks(RowSample(points, weights, FEWEST, seed))
    neighbours = min(len(points), max(NEAREST, SHARED * len(points) // size))
    return Neighbours(RowSample(points, weights, SAMPLED * size, seed), neighbours, seed)


class FewPicks:
    """The value over sampled rows, from cosines to all of them that are computed on demand."""

    def __init__(self, sample: RowSample) -> None:
        self._sample, self._rows = sample, sample.points[sample.rows]
        self._nearest = np.zeros(len(self._rows), dtype=np.float32)

    def gains(self, points: Ints) -> Floats:
        """Gains of these points."""
        gained: Floats = np.maximum(self._cosines(points) - self._nearest, 0.0) @ self._sample.weights
        return gained

    def take(self, point: int) -> None:
        """Add a point to the set."""
        np.maximum(self._nearest, self._cosines(np.array([point]))[0], out=self._nearest)

    def _cosines(self, points: Ints) -> npt.NDArray[np.float32]:
        cosines: npt.NDArray[np.float32] = self._sample.points[points] @ self._rows.T
        return cosines

    def facts(self, picks: Ints) -> dict[str, float]:
        """Facts about the sample."""
        return self._sample.facts(picks)


class Neighbours:
    """The value over sampled rows and the nearest points of each."""

    def __init__(self, sample: RowSample, neighbours: int, seed: int) -> None:
        self._sample, self.neighbours = sample, neighbours
        self._matrix = csc_matrix(nearest_rows(sample.points, sample.rows, neighbours, seed))
        self._weights = sample.weights
        self._nearest = np.zeros(len(sample.rows), dtype=np.float32)

    def gains(self, points: Ints) -> Floats:
        """Gains of these points."""
        return np.array([self._gain(int(point)) for point in points])

    def _gain(self, point: int) -> float:
        rows, cosines = self._column(point)
        return float(np.maximum(cosines - self._nearest[rows], 0.0) @ self._weights[rows])

    def take(self, point: int) -> None:
        """Add a point to the set."""
        rows, cosines = self._column(point)
        self._nearest[rows] = np.maximum(self._nearest[rows], cosines)

    def _column(self, point: int) -> tuple[Ints, Floats]:
        part = slice(self._matrix.indptr[point], self._matrix.indptr[point + 1])
        return self._matrix.indices[part], self._matrix.data[part]

    def facts(self, picks: Ints) -> dict[str, float]:
        """Facts about the sample, and the number of vectors that a row counts."""
        return {**self._sample.facts(picks), "nearest": self.neighbours}


def distinct(vectors: Floats) -> tuple[Floats, Ints]:
    """Distinct vectors in order of first occurrence, and for each row the index of its vector."""
    if not len(vectors):
        return vectors, np.zeros(0, dtype=np.int64)
    plain = np.ascontiguousarray(vectors) + 0.0  # no negative zeros
    keys = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return plain[np.sort(first)], rank[inverse]
