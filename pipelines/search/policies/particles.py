"""Search policy `particles`: a particle filter, in which chance and not rank decides which answers continue.

Puri et al. 2025 (arXiv:2502.01618): n particles grow by one piece, are weighted with softmax(logit(score) / tau), and n
are drawn of them with replacement; finished particles stay in the pool. With `target: paper` the score of the whole text is
a weight in every wave, so the target is p(x) * prod_t odds(r_t); with `target: last` a particle is weighted by the change
of its odds, and the target is p(x) * odds(r_T).
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from rollmill.pipelines.option_checks import checked_choice, checked_count, checked_positive
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode

SURE = 1e-3  # no score is trusted beyond this: odds of 0 or of infinity would leave one particle


@dataclass(frozen=True, slots=True)
class Particles:
    """`n` particles; `tau` below 1 sharpens the weights. `resample`: multinomial, or systematic with less variance."""

    name = "particles"
    version = "1"
    n: int = 16
    """Particles."""
    tau: float = 1.0
    """Temperature of the weights; below 1 sharpens them."""
    resample: str = "systematic"
    """Resampling of particles: `systematic`, or `multinomial` with more variance."""
    target: str = "paper"
    """Weight of a particle: as in the `paper`, or by its `last` piece."""

    def __post_init__(self) -> None:
        checked_count("search policy", self.name, "n", self.n)
        checked_positive("search policy", self.name, "tau", self.tau)
        checked_choice("search policy", self.name, "resample", self.resample, ("systematic", "multinomial"))
        checked_choice("search policy", self.name, "target", self.target, ("paper", "last"))

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """As many pieces from each unfinished particle as the number of times it was resampled."""
        if not tree.nodes:
            return [Growth(ROOT, self.n)]
        population = self._population(tree)
        if all(node.finished for node in population):
            return []
        counts = self._drawn(tree, population, len(tree.waves) - 1)
        return [Growth(node, count) for node, count in counts.items() if not tree.by_id[node].finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The weights of the finished ones among the last particles, which sum to 1."""
        finished = [node for node in self._population(tree) if node.finished]
        votes: dict[str, float] = {}
        if finished:
            for node, weight in zip(finished, self._weights(tree, finished, len(tree.waves) - 1), strict=True):
                votes[node.id] = votes.get(node.id, 0.0) + weight
        return votes

    def _population(self, tree: Tree) -> list[TreeNode]:
        """The particles after the last wave: finished ones as often as they were resampled, then the new pieces."""
        population: list[TreeNode] = []
        for wave, nodes in enumerate(tree.waves):
            # The random numbers of a wave are always the same, so these are the draws that the next one was planned by.
            counts = self._drawn(tree, population, wave - 1) if wave else {}
            survivors = [tree.by_id[node] for node, count in counts.items() for _ in range(count)]
            population = [*(node for node in survivors if node.finished), *nodes]
        return population

    def _drawn(self, tree: Tree, population: Sequence[TreeNode], wave: int) -> Mapping[str, int]:
        """Number of draws of each node after a wave, in the order of the particles."""
        weights = self._weights(tree, population, wave)
        places = (multinomial if self.resample == "multinomial" else systematic)(weights, self.n, tree.chance(wave))
        return Counter(population[place].id for place in places)

    def _weights(self, tree: Tree, population: Sequence[TreeNode], wave: int) -> list[float]:
        return softmax([self._gain(tree, node, wave) / self.tau for node in population])

    def _gain(self, tree: Tree, node: TreeNode, wave: int) -> float:
        """The log-odds of the score, or with the target `last` their gain by the last piece."""
        if self.target == "paper":
            return logit(node.score)
        # Nothing is known before the first piece, so it starts from even odds.
        before = logit(tree.by_id[node.parent].score) if node.parent != ROOT else 0.0
        # A finished particle of an earlier wave was weighted then; again would count its last piece twice.
        return logit(node.score) - before if node.wave == wave else 0.0


def logit(score: float) -> float:
    """The log-odds of a score, bounded away from infinity."""
    share = min(1.0 - SURE, max(SURE, score))
    return math.log(share / (1.0 - share))


def softmax(values: Sequence[float]) -> list[float]:
    """Weights that sum to 1."""
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def multinomial(weights: Sequence[float], count: int, chance: Random) -> list[int]:
    """`count` places, each drawn by weight; sorted."""
    return _at(weights, sorted(chance.random() for _ in range(count)))


def systematic(weights: Sequence[float], count: int, chance: Random) -> list[int]:
    """`count` places at equal distances from one random start: a weight w is drawn floor or ceil of count * w times."""
    start = chance.random()
    return _at(weights, [(start + place) / count for place in range(count)])


def _at(weights: Sequence[float], points: Sequence[float]) -> list[int]:
    edges = list(accumulate(weights))
    # Rounding may carry the last point past the last edge.
    return [min(bisect_right(edges, point * edges[-1]), len(weights) - 1) for point in points]
