"""Set method `information`: the units that add most to a graph of labels.

After Chen et al. 2025 (MIG: Automatic Data Selection by Maximizing Information Gain in Semantic Space). A unit gives its
quality to its labels, and each label passes a part on to those like it. The information of a set is the sum over labels of
a concave function of their quality, x^power; so a label with much quality gains little. Labels are alike if their words
are: the cosine of their word vectors, where it reaches the threshold. Rows of the graph add up to 1.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from rollmill.methods import ChosenUnits, Floats, MixUnits, SetupError, text_vectors, units_by_id
from rollmill_mixing.selection.lazy_greedy import lazy_greedy

DIMS = 1_024  # of the vectors of labels
MOST = 2_000  # labels; the graph has their square


class Information:
    """`labels`: names of the signals that hold labels, such as template and skill. `quality`: signal of a row's quality, 0
    or more; none: 1 for every row.

    `threshold`: smallest cosine similarity at which two labels share quality; 1 allows it for equal words only. `power`:
    exponent of the concave function, above 0 and up to 1; .5 is the square root, and with 1 the choice is by quality alone.
    """

    name, version = "information", "1"

    def __init__(
        self, labels: Sequence[str], quality: str | None = None, threshold: float = 0.5, power: float = 0.8
    ) -> None:
        self.labels, self.quality, self.threshold, self.power = list(labels), quality, threshold, power
        if not self.labels:
            raise SetupError("set method 'information' has no labels.", next_command="labels: [template, skill]")
        for name, value in (("threshold", threshold), ("power", power)):
            if not 0 < value <= 1:
                raise SetupError(f"set method 'information': {name} is {value:g}.", choices=("above 0 and up to 1",))

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Picks from the largest gain to the smallest. `facts`: labels, pairs of them that are alike, and information."""
        del seed
        order = units_by_id(table)
        rows, weights = table.rows[order], self._quality(table)[order] * table.rows[order]
        words, members = self._labelled(table, order)
        graph = label_graph(words, self.threshold)
        counts = [len(labels) for labels in members]
        places = np.array([label for labels in members for label in labels], dtype=np.int64)
        given = csr_matrix((np.ones(sum(counts)), places, np.cumsum([0, *counts])), shape=(len(order), len(words)))
        held = np.zeros(len(words))

        def added(units: Sequence[int]) -> Floats:
            spread: Floats = np.asarray(given[units] @ graph) * weights[units][:, None]
            return spread

        def gains(units: Sequence[int]) -> Floats:
            gained: Floats = ((held + added(units)) ** self.power - held**self.power).sum(axis=1)
            return gained

        def take(unit: int) -> None:
            held[:] += added([unit])[0]

        # Among units of the same labels and rows the one of the best quality gains most.
        queues: defaultdict[tuple[tuple[int, ...], int], list[int]] = defaultdict(list)
        for unit in sorted(range(len(order)), key=lambda unit: (-weights[unit], unit)):
            queues[tuple(members[unit]), int(rows[unit])].append(unit)
        picks, gained = lazy_greedy(list(queues.values()), rows, size, gains, take)
        pairs = int(np.count_nonzero(graph) - len(words)) // 2
        facts = {"labels": len(words), "pairs": pairs, "information": float((held**self.power).sum())}
        return ChosenUnits([order[unit] for unit in picks], gained, facts)

    def _quality(self, table: MixUnits) -> Floats:
        """The quality of each unit; SetupError for one below 0, with which information could fall."""
        if self.quality is None:
            return np.ones(len(table.ids))
        values = table.number(self.quality)
        if values.min(initial=0.0) < 0:
            raise SetupError(
                f"set method 'information': the signal {self.quality!r} has values below 0.",
                next_command=f"a threshold on {self.quality}",
            )
        return values

    def _labelled(self, table: MixUnits, order: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """Words of every label, and the labels of each unit; one without a label in a column has none there."""
        columns = {name: table.label(name) for name in dict.fromkeys(self.labels)}
        known = sorted({(name, value) for name, values in columns.items() for value in values if value != "none"})
        if len(known) > MOST:
            raise SetupError(
                f"set method 'information': {', '.join(columns)} have {len(known):,} labels, and {MOST:,} are the most.",
                choices=("signals with fewer values",),
            )
        places = {label: at for at, label in enumerate(known)}
        members = [
            [places[name, values[unit]] for name, values in columns.items() if values[unit] != "none"] for unit in order
        ]
        return [value for _, value in known], members


def label_graph(words: Sequence[str], threshold: float) -> Floats:
    """Shares in which each label passes on its quality, by receiving label: (labels, labels), rows of sum 1."""
    vectors = text_vectors(words, DIMS)
    similar = vectors @ vectors.T
    graph = np.where(similar >= threshold - 1e-9, similar, 0.0)
    np.fill_diagonal(graph, 1.0)
    return np.asarray(graph / graph.sum(axis=1, keepdims=True), dtype=np.float64)
