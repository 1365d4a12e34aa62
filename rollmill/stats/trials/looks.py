"""Looks at a trial while its seeds come in, whose errors together stay below alpha: levels of p for each look.

The levels spend alpha as Lan & DeMets (1983) do. They are exact for t statistics of few seeds, where normal boundaries are
not: let r = sum x / sqrt(sum x^2) over the seeds so far, of which t is a function. Under no difference r does not depend on
the sum of squares, also given that no earlier look stopped, so one more seed moves it by a Student t alone:

    r' = (r + z) / sqrt(1 + z^2)     z sqrt(S) ~ Student t with S degrees of freedom

and its distribution follows by one sum over a grid, seed by seed. Where problems vary as well, statistics of later looks
resemble those of earlier ones more, and the errors are fewer (Slepian's inequality).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from rollmill.stats.clusters.testing import alpha_spent
from rollmill.stats.trials.two_way import FEWEST_SEEDS, Array

Shape = Literal["obrien-fleming", "pocock", "linear"]
_CELLS = 200
_LEAST = 1e-13
"""A level that no look needs: below it nothing is spent."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """r of trials that no look has stopped, as the angle with sine r / sqrt(S).

    `before`: chances of cells of the angle, at one seed fewer; None at the first look, where t is a plain Student t.
    `limit`: the angle beyond which the last look stopped.
    """

    seeds: int
    before: tuple[Array, Array] | None = None
    limit: float = math.pi / 2.0

    def below(self, angles: Array) -> Array:
        """The chance that the angle is at most so much.

        With z = tan(f), r' = sqrt(1 + r^2) sin(f + atan r): at most two intervals of f, whose chances Student's t has.
        """
        if self.before is None:
            return _angle_below(self.seeds - 1, angles)
        at, chances = self.before
        r = math.sqrt(self.seeds - 1) * np.sin(at)
        turn = np.arctan(r)
        ratio = math.sqrt(self.seeds) * np.sin(angles)[:, None] / np.sqrt(1.0 + r**2)
        bend = np.arcsin(np.clip(ratio, -1.0, 1.0))
        inside = _angle_below(self.seeds - 1, bend - turn) - _angle_below(self.seeds - 1, -math.pi - bend - turn)
        return np.asarray((inside + _angle_below(self.seeds - 1, bend + turn - math.pi)) @ chances, dtype=np.float64)

    def grown(self, seeds: int) -> "Walk":
        """The walk at a larger number of seeds, without a look in between."""
        walk = self
        while walk.seeds < seeds:
            most = min(walk.limit, walk._angle(_LEAST))
            # The grid ends where the last look stopped, or where the rest is negligible.
            edges = np.linspace(-most, most, _CELLS + 1)
            cells, at = np.maximum(0.0, np.diff(walk.below(edges))), (edges[:-1] + edges[1:]) / 2.0
            # Cells widen the variance by a twelfth of their width's square, at every seed (Sheppard 1898).
            wider = (edges[1] - edges[0]) ** 2 / 12.0 * cells.sum() / float(cells @ at**2)
            walk = Walk(walk.seeds + 1, (at * math.sqrt(1.0 - wider), cells))
        return walk

    def spent(self, level: float) -> float:
        """The chance that a look stops at p up to a level, and none before it did."""
        # Both sides alike: without a difference the walk is symmetric.
        return 2.0 * float(self.below(np.array([-self._angle(level)]))[0])

    def without(self, level: float) -> "Walk":
        """The walk of trials that a look at this level does not stop."""
        return replace(self, limit=self._angle(level))

    def level(self, spent: float) -> float:
        """The level at which a look stops with this chance; 0 if it would be negligible."""
        if self.spent(_LEAST) >= spent:
            return 0.0
        # On the log scale: the levels of early O'Brien-Fleming looks span many powers of ten.
        low, high = math.log(_LEAST), 0.0
        for _ in range(60):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.spent(math.exp(middle)) < spent else (low, middle)
        return math.exp(low)

    def _angle(self, level: float) -> float:
        from scipy.special import stdtrit

        if level <= 0.0:
            return math.pi / 2.0
        return math.atan(-float(stdtrit(self.seeds - 1, level / 2.0)) / math.sqrt(self.seeds - 1))


def look_levels(
    seeds: Sequence[int], *, alpha: float = 0.05, shape: Shape = "obrien-fleming", most: int | None = None
) -> list[float]:
    """The two-sided level of p at each look, the looks being at these numbers of seeds of each arm.

    A trial stops at the first look with p at most its level, and gives the interval of `two_way` with confidence 1 - level:
    those of all looks together hold the truth with 1 - alpha (repeated intervals; Jennison & Turnbull 1984). `most`: the
    most seeds that were planned, by default the last look's; looks may come at other numbers than planned, as long as
    results did not choose them. ValueError unless seeds ascend from three on and alpha is in (0, 1).
    """
    _check(seeds)
    return list(_levels(tuple(seeds), alpha, shape, seeds[-1] if most is None else most))


@lru_cache(maxsize=256)
def _levels(seeds: tuple[int, ...], alpha: float, shape: Shape, most: int) -> tuple[float, ...]:
    levels: list[float] = []
    walk = Walk(seeds[0])
    for count, spent in zip(seeds, alpha_spent([count / most for count in seeds], alpha, shape=shape), strict=True):
        walk = walk.grown(count)
        levels.append(walk.level(spent))
        walk = walk.without(levels[-1])
    return tuple(levels)


def false_alarm(seeds: Sequence[int], levels: Sequence[float]) -> float:
    """The chance that trials of equal arms stop at one of these looks at least, where seeds are all that varies.

    For unplanned looks: five seeds, and eight because five did not convince, at .05 each, err in .08 of trials.
    """
    _check(seeds)
    walk, stopped = Walk(seeds[0]), 0.0
    for count, level in zip(seeds, levels, strict=True):
        if not 0.0 <= level < 1.0:
            raise ValueError(f"a level of p lies in [0, 1), got {level}")
        walk = walk.grown(count)
        stopped += walk.spent(level)
        walk = walk.without(level)
    return stopped


def sequential_holm(
    p_values: Sequence[Sequence[float]],
    seeds: Sequence[int],
    *,
    alpha: float = 0.05,
    shape: Shape = "obrien-fleming",
    most: int | None = None,
) -> list[bool]:
    """Comparisons that are shown by now, of several arms: `p_values` has a row for each look so far, a column for each.

    The chance of one false claim or more over all looks is at most alpha. Of m comparisons each has the levels of alpha / m
    at every look; once one is shown, the others have those of alpha / (m - 1) (Holm's closed test with the sequential test
    of each hypothesis: Maurer & Bretz 2013, Stat. Biopharm. Res. 5). One look is `holm`.
    """
    rows = [list(row) for row in p_values]
    if len(rows) != len(seeds) or len({len(row) for row in rows}) != 1:
        raise ValueError("p values have one row for each look, and all rows have one column for each comparison")
    if any(not 0.0 <= p <= 1.0 for row in rows for p in row):
        raise ValueError("p values lie in [0, 1]")
    shown = [False] * len(rows[0])
    while not all(shown):
        levels = look_levels(seeds, alpha=alpha / shown.count(False), shape=shape, most=most)
        new = [
            at
            for at, known in enumerate(shown)
            # Earlier looks count under the new levels too: the closed test looks at all of them.
            if not known and any(row[at] <= level for row, level in zip(rows, levels, strict=True))
        ]
        if not new:
            break
        for at in new:
            shown[at] = True
    return shown


def _check(seeds: Sequence[int]) -> None:
    if not seeds or list(seeds) != sorted(set(seeds)) or seeds[0] < FEWEST_SEEDS:
        raise ValueError(f"looks are at ascending numbers of seeds, from {FEWEST_SEEDS} on, got {list(seeds)}")


def _angle_below(degrees: int, angles: Array) -> Array:
    """The chance that sqrt(degrees) tan(f) of Student's t has f at most an angle, of a half turn or beyond."""
    from scipy.special import stdtr

    inside = np.abs(angles) < math.pi / 2.0
    t = math.sqrt(degrees) * np.tan(np.where(inside, angles, 0.0))
    return np.where(inside, stdtr(degrees, t), (angles > 0.0).astype(np.float64))
