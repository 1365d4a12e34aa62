"""Search policy `tree_sampling`: a tree that samples answers x by p(x) exp(score(x) / tau) / Z (Diffusion Tree Sampling,
Jain et al. 2025, arXiv:2506.20701), with pieces of text as its steps.

The value V of a finished answer is its score, and of another node tau * log mean exp(V / tau) over the draws from it. A
rollout goes down from the root, to each child by n exp(V / tau), where n is the number of its equal draws. At the node of
this path with the fewest draws for its visits, by draws / visits ** alpha, it leaves the tree, and draws an answer to its
end. The published rule draws anew while that number is below a constant; here every rollout draws.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from rollmill.methods import ROOT, Growth, Tree, checked_choice, checked_count, checked_positive, checked_share
from rollmill_reasoning.search.merged import MergedTree


@dataclass(frozen=True, slots=True)
class TreeSampling:
    """`rollouts` answers, `together` side by side. The votes are the probabilities with which the tree samples."""

    name = "tree_sampling"
    version = "1"
    rollouts: int = 32
    """Answers drawn to their end."""
    together: int = 8
    """Answers drawn side by side; later ones know the values of earlier ones."""
    tau: float = 0.2
    """Temperature of the scores, 1 / lambda; below 1 sharpens the distribution."""
    alpha: float = 0.8
    """Draws from a node grow with its visits to this power; 0 draws most of them deep in the tree."""
    choose: str = "sample"
    """Way down the tree: `sample` a child by its soft value, or take the `best` (DTS*)."""
    known: bool = False
    """Weigh children by the probability of their pieces, where the engine gives it, and not by draws: exact once every
    likely piece was seen, and biased before."""

    def __post_init__(self) -> None:
        for option in ("rollouts", "together"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_positive("search policy", self.name, "tau", self.tau)
        checked_share("search policy", self.name, "alpha", self.alpha)
        checked_choice("search policy", self.name, "choose", self.choose, ("sample", "best"))

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """A piece for each answer under way; if there is none, beginnings of `together` new rollouts."""
        if not tree.nodes:
            return [Growth(ROOT, min(self.together, self.rollouts))]
        # Only the last wave can be under way: no rollout begins before all others have ended.
        under_way = [node.id for node in tree.waves[-1] if not node.finished]
        if under_way:
            return [Growth(node, 1) for node in under_way]
        count = min(self.together, self.rollouts - len(tree.finished))
        if count <= 0:
            return []
        soft, chance = SoftTree(tree, self.tau, known=self.known), tree.chance(len(tree.waves) - 1)
        begun: Counter[str] = Counter()
        for _ in range(count):
            path = soft.path(None if self.choose == "best" else chance)
            begun[min(path, key=lambda node: (soft.drawn[node] + begun[node]) / soft.visits[node] ** self.alpha)] += 1
        return [Growth(node, number) for node, number in begun.items()]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The probability of each finished answer, equal ones in equal parts."""
        return SoftTree(tree, self.tau, known=self.known).distribution() if tree.finished else {}


class SoftTree(MergedTree):
    """Soft values of the distinct nodes that lead to finished answers.

    `visits`: number of finished answers at or below each node. `drawn`: number of draws from each node. `weights`: the
    children of each node that have a value, with their probabilities.
    """

    def __init__(self, tree: Tree, tau: float, *, known: bool = False) -> None:
        super().__init__(tree, every=True)
        self._tau, self._known = tau, known
        self.visits: Counter[str] = Counter()
        self.drawn: Counter[str] = Counter()
        self.values: dict[str, float] = {}
        self.weights: dict[str, tuple[list[str], list[float]]] = {}
        # Children come first, as the value of a node is made of theirs.
        for node in (*self.upwards, ROOT):
            if node != ROOT and self.draws[node][0].finished:
                self.visits[node] += len(self.draws[node])
                self.values[node] = sum(draw.score for draw in self.draws[node]) / len(self.draws[node])
            elif self.visits[node]:
                self.values[node] = self._soft(node)
            if node != ROOT:
                self.visits[self.parent[node]] += self.visits[node]
                self.drawn[self.parent[node]] += len(self.draws[node])

    def _soft(self, node: str) -> float:
        """tau * log mean exp(V / tau) over the draws from a node."""
        children = [child.id for child in self.children[node] if child.id in self.values]
        # The largest value is subtracted before exp, which would overflow for a small tau.
        top = max(self.values[child] for child in children)
        shares = [self._share(child) for child in children]
        parts = [
            share * math.exp((self.values[child] - top) / self._tau) for share, child in zip(shares, children, strict=True)
        ]
        total = math.fsum(parts)
        self.weights[node] = children, [part / total for part in parts]
        return top + self._tau * math.log(total / math.fsum(shares))

    def _share(self, child: str) -> float:
        """The number of draws of a child, or with `known` the probability of its piece."""
        own = self.log_prob(self.draws[child][0]) if self._known else None
        return len(self.draws[child]) if own is None else math.exp(own)

    def path(self, chance: Random | None) -> list[str]:
        """The nodes from the root down to the one above a finished answer; without chance along the highest values."""
        path = [ROOT]
        while True:
            children, weights = self.weights[path[-1]]
            if chance is None:
                node = max(children, key=lambda child: self.values[child])
            else:
                (node,) = chance.choices(children, weights)
            if node not in self.weights:
                return path
            path.append(node)

    def distribution(self) -> dict[str, float]:
        """Probability of each finished draw."""
        share, shares = {ROOT: 1.0}, dict[str, float]()
        # Parents come before their children here, so the share of a parent is known.
        for node in list(self.parent):
            children, weights = self.weights.get(self.parent[node], ([], []))
            if node not in children:
                continue
            share[node] = share[self.parent[node]] * weights[children.index(node)]
            if self.draws[node][0].finished:
                shares |= {draw.id: share[node] / len(self.draws[node]) for draw in self.draws[node]}
        return shares
