"""Set method `clusters`: rounds over k-means clusters of texts, whose weights follow the quality of their rows.

After Yu et al. 2024 (Diversify and Conquer: diversity-centric data selection with iterative refinement). The first round
takes equally many rows of each cluster. After each round a cluster's weight is multiplied by the mean of a signal over the
cluster, and the weights are normalised; so clusters of bad rows lose weight in every round. In the paper the signal is how
far the reference beats the answer of the model that was trained on the rounds so far: `of_rounds` names such columns of
yours. A round depends on earlier signals alone. So choose the first round with `rounds: 1` and the size of one round. Then
add the next signal, `rounds: 2` and the size of two rounds: the first round is the same, and the second is added.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rollmill.methods import (
    ChosenUnits,
    Floats,
    Ints,
    MixUnits,
    SetupError,
    apportion,
    k_means,
    units_by_id,
    units_by_value,
    units_that_fit,
)


class Clusters:
    """Needs `signals: {text: {of: prompt}}`.

    `quality`: signal whose largest values are taken first in a cluster. `clusters`: number of k-means clusters. `rounds`:
    number of rounds, each of which takes an equal part of the size. `of_rounds`: names of the signals that weigh the
    clusters after each round but the last; none: the quality.
    """

    name, version = "clusters", "1"

    def __init__(self, quality: str, clusters: int = 16, rounds: int = 3, of_rounds: Sequence[str] = ()) -> None:
        self.quality, self.clusters, self.rounds, self.of_rounds = quality, clusters, rounds, list(of_rounds)
        for name, value in (("clusters", clusters), ("rounds", rounds)):
            if value < 1:
                raise SetupError(f"set method 'clusters': {name} is {value}.", choices=("whole numbers from 1 on",))
        if self.of_rounds and len(self.of_rounds) != rounds - 1:
            raise SetupError(
                f"set method 'clusters': of_rounds has {len(self.of_rounds)} signals for {rounds} rounds.",
                choices=(f"{rounds - 1} signals, one after each round but the last", "none"),
            )

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Picks round by round. `facts`: rows of each cluster, and its weight and picked rows in every round."""
        # k-means draws its first centres by place, so rows are given by id and not in the table's order.
        order = units_by_id(table)
        labels = np.zeros(len(order), dtype=np.int64)
        labels[order] = k_means(table.need_vectors()[order], self.clusters, seed)
        by_quality = units_by_value(table, table.number(self.quality, missing=float("-inf")))
        names = [f"c{label}" for label in range(int(labels.max(initial=-1)) + 1)]
        free = {name: [unit for unit in by_quality if labels[unit] == at] for at, name in enumerate(names)}
        weights = dict.fromkeys(names, 1 / max(len(names), 1))
        picks: list[int] = []
        rounds: list[dict[str, Any]] = []
        facts = {"clusters": {name: int(table.rows[units].sum()) for name, units in free.items()}, "rounds": rounds}
        for turn in range(self.rounds):
            if turn:
                signal = self.of_rounds[turn - 1] if self.of_rounds else self.quality
                weights = reweighted(weights, cluster_means(table, signal, labels, len(names)))
            # The first rounds take the rows that do not divide.
            taken = self._round(table, free, weights, size // self.rounds + (turn < size % self.rounds))
            gone = set(taken)
            picks += taken
            rows = np.bincount(labels[taken], weights=table.rows[taken], minlength=len(names)).astype(int).tolist()
            rounds.append({"weights": dict(weights), "rows": dict(zip(names, rows, strict=True))})
            free = {name: [unit for unit in units if unit not in gone] for name, units in free.items()}
        # Units of several rows may not fill a quota; what is left goes to the best units of any cluster.
        rest = {unit for units in free.values() for unit in units}
        left = size - int(table.rows[picks].sum())
        return ChosenUnits([*picks, *units_that_fit((unit for unit in by_quality if unit in rest), table, left)], (), facts)

    def _round(self, table: MixUnits, free: dict[str, list[int]], weights: dict[str, float], size: int) -> list[int]:
        """The best free units of each cluster, as many rows as its weight allots."""
        rows = {name: int(table.rows[units].sum()) for name, units in free.items()}
        quotas = apportion(weights, rows, size)
        return [unit for name, units in free.items() for unit in units_that_fit(units, table, quotas[name])]


def cluster_means(table: MixUnits, signal: str, labels: Ints, clusters: int) -> Floats:
    """The mean of a signal over the rows of each cluster that have it, at least 0; without such rows, the others' mean."""
    values = table.number(signal, missing=float("nan"))
    known = ~np.isnan(values)
    rows = np.bincount(labels[known], weights=table.rows[known], minlength=clusters)
    sums = np.bincount(labels[known], weights=(values * table.rows)[known], minlength=clusters)
    # A negative mean would make a negative weight.
    means = np.maximum(sums / np.maximum(rows, 1), 0.0)
    return np.where(rows > 0, means, means[rows > 0].mean() if (rows > 0).any() else 1.0)


def reweighted(weights: dict[str, float], means: Floats) -> dict[str, float]:
    """Weights times means, of sum 1; the same weights if all would be 0."""
    raised = {name: weight * float(mean) for (name, weight), mean in zip(weights.items(), means, strict=True)}
    total = sum(raised.values())
    return {name: value / total for name, value in raised.items()} if total > 0 else weights
