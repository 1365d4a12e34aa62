"""Set method `quad`: clusters as arms of a bandit, whose pulls read the influence of rows on a target set.

After Zhang et al. 2024 (Harnessing diversity for important data selection in pretraining large language models, Quad).
Influence is expensive to read, and rows of one cluster are alike. So each turn reads a few rows of the cluster with the
largest upper bound, mean influence + explore * spread * sqrt(2 ln reads / reads of the cluster), and keeps those that help.
Clusters that were seldom read have large bounds, which makes the choice diverse. The means are biased: a cluster whose
first rows were bad is hardly read again.
"""

from collections.abc import Collection, Sequence
from math import inf, log, sqrt
from typing import Any

import numpy as np

from rollmill.methods import (
    ChosenUnits,
    Ints,
    MixUnits,
    SetupError,
    k_means,
    units_by_id,
    units_by_value,
    units_in_random_order,
    units_that_fit,
)


class Quad:
    """Needs `signals: {text: {of: prompt}}`, and influence: that of `signals: {model: ...}`, or a column of yours.

    `influence`: name of the signal of influence; a row without a value is never read. `clusters`: number of k-means
    clusters. `draws`: number of rows read in one turn. `explore`: weight of the bonus for seldom read clusters, 0 for none.
    `least`: smallest influence of a kept row.
    """

    name, version = "quad", "1"

    def __init__(
        self, influence: str = "influence", clusters: int = 16, draws: int = 4, explore: float = 1.0, least: float = 0.0
    ) -> None:
        self.influence, self.clusters, self.draws = influence, clusters, draws
        self.explore, self.least = explore, least
        for name, value in (("clusters", clusters), ("draws", draws)):
            if value < 1:
                raise SetupError(f"set method 'quad': {name} is {value}.", choices=("whole numbers from 1 on",))
        if explore < 0:
            raise SetupError(f"set method 'quad': explore is {explore:g}.", choices=("numbers from 0 on",))

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Kept rows in the order of reading, then the best of the others that were read, then unread ones at random.

        `facts`: rows read; for each cluster its rows, the numbers read and kept, and the mean of the read values.
        """
        order, values = units_by_id(table), table.number(self.influence, missing=float("nan"))
        labels = np.zeros(len(order), dtype=np.int64)
        # k-means draws its first centres by place, so rows are given by id and not in the table's order.
        labels[order] = k_means(table.need_vectors()[order], self.clusters, seed)
        at_random = units_in_random_order(table, seed)
        arms = [ClusterArm() for _ in range(int(labels.max(initial=-1)) + 1)]
        # Reversed, as `pop` takes the last unit first.
        for unit in reversed(at_random):
            if not np.isnan(values[unit]):
                arms[labels[unit]].waiting.append(unit)
        picks: list[int] = []
        left, spread = size, Spread()
        while left and (able := [arm for arm in arms if arm.waiting]):
            arm = max(able, key=lambda arm: arm.bound(spread, self.explore))  # of equal bounds the first
            for _ in range(min(self.draws, len(arm.waiting))):
                unit = arm.waiting.pop()
                arm.read(unit, float(values[unit]), spread)
                if values[unit] >= self.least and table.rows[unit] <= left:
                    picks.append(unit)
                    left -= int(table.rows[unit])
        # Counted before the size is filled with rows that did not help.
        helpful, kept = len(picks), set(picks)
        read = {unit for arm in arms for unit in arm.units}
        unhelpful = read - kept
        others = [unit for unit in units_by_value(table, np.nan_to_num(values, nan=-inf)) if unit in unhelpful]
        rest = [*others, *(unit for unit in at_random if unit not in read)]
        picks += units_that_fit(rest, table, left)
        facts = {"read": len(read), "helpful": helpful, "clusters": _facts(table, labels, arms, kept)}
        return ChosenUnits(picks, (), facts)


class Spread:
    """Standard deviation of all values read so far, and their number."""

    def __init__(self) -> None:
        self.count, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.count, self._sum, self._squares = self.count + 1, self._sum + value, self._squares + value**2

    @property
    def deviation(self) -> float:
        """Standard deviation; 0 before the first value."""
        mean = self._sum / max(self.count, 1)
        # Rounding may bring the variance of equal values below 0.
        return sqrt(max(self._squares / max(self.count, 1) - mean**2, 0.0))


class ClusterArm:
    """A cluster: units that wait to be read, the last one first, units read, and the sum of their influences."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.units: list[int] = []
        self.total = 0.0

    def bound(self, spread: Spread, explore: float) -> float:
        """Upper bound of the mean; infinite before the first read."""
        if not self.units:
            return inf
        bonus = sqrt(2 * log(max(spread.count, 1)) / len(self.units))
        return self.total / len(self.units) + explore * spread.deviation * bonus

    def read(self, unit: int, value: float, spread: Spread) -> None:
        """Count one unit's influence."""
        self.units.append(unit)
        self.total += value
        spread.add(value)


def _facts(table: MixUnits, labels: Ints, arms: Sequence[ClusterArm], kept: Collection[int]) -> list[dict[str, Any]]:
    """Facts of each cluster: rows, units read and kept, mean of the read values."""
    return [
        {
            "rows": int(table.rows[labels == at].sum()),
            "read": len(arm.units),
            "kept": sum(unit in kept for unit in arm.units),
            "mean": arm.total / len(arm.units) if arm.units else None,
        }
        for at, arm in enumerate(arms)
    ]
