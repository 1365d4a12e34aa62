"""Outlying clusters: those few of 20 to 40 clusters that carry most of the variation of a mean.

A rare bad cluster is what no interval can make up for (docs/explanation/statistics.md): whether it was met decides the
mean and the width. Where it was met it can be seen, and this names it.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

CARRIES = 2.0 / 3.0
"""Of the sum of squares between clusters: under normal effects a tenth of 10 or more even clusters holds so much in 1.5% of
samples at most."""
_FEWEST = 10  # clusters, so that a tenth of them is one


@dataclass(frozen=True, slots=True)
class OutlyingClusters:
    """The fewest clusters that carry over two thirds: their names, that share, their mean and the mean of all others."""

    names: tuple[Hashable, ...]
    share: float
    mean: float
    others: float

    def note(self, shown: str = "{:.3f}") -> str:
        """A one-sentence description for a person."""
        names = ", ".join(map(str, self.names))
        subject = f"cluster {names} carries" if len(self.names) == 1 else f"clusters {names} carry"
        means = f"{shown.format(self.mean)}, all others {shown.format(self.others)}"
        return f"{subject} {self.share:.0%} of the variation between clusters ({means})"


def outlying_clusters(values: Sequence[float], clusters: Sequence[Hashable | None]) -> OutlyingClusters | None:
    """The fewest clusters, a tenth of all at most, that carry over two thirds of the sum of squares between clusters.

    The part of a cluster is (its sum - the mean times its size)^2. Of uneven clusters large ones carry much without being
    far from the mean, so the same must hold of the squared distances of cluster means alone. None without such clusters,
    with fewer than ten clusters, or if they hold less than two problems each: some of many single problems, each right or
    wrong, are always far from the mean.
    """
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        if cluster is None:
            return None  # a problem without a template is a cluster by itself
        members.setdefault(cluster, []).append(value)
    if len(members) < _FEWEST or len(values) < 2 * len(members):
        return None
    totals = np.array([sum(mine) for mine in members.values()])
    sizes = np.array([len(mine) for mine in members.values()])
    apart = totals / sizes - totals.sum() / sizes.sum()
    squares, distances = (apart * sizes) ** 2, apart**2
    if squares.sum() <= 0.0:
        return None
    order = np.argsort(-squares, kind="stable")[: len(members) // 10]
    carried = np.minimum(squares[order].cumsum() / squares.sum(), distances[order].cumsum() / distances.sum())
    enough = int(np.searchsorted(carried, CARRIES, side="right")) + 1
    if enough > len(order):
        return None
    first = order[:enough]
    share = float(squares[first].sum() / squares.sum())
    names = list(members)
    others = (totals.sum() - totals[first].sum()) / (sizes.sum() - sizes[first].sum())
    mean = float(totals[first].sum() / sizes[first].sum())
    return OutlyingClusters(tuple(names[at] for at in first.tolist()), share, mean, float(others))
