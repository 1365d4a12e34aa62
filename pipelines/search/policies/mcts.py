"""Search policy `mcts`: PUCT over pieces (AlphaMath Almost Zero, arXiv:2405.03553).

From the root it goes down to the child with the most Q + c * prior * sqrt(N of the parent) / (1 + N), where Q is the mean
score of all nodes below (itself too), N their number, and the prior exp(mean log-probability of the piece's tokens). Q and
N follow from the tree, so there is no other state.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.option_checks import checked_count, checked_positive
from pipelines.search.policies.ranking import best_leaf
from pipelines.search.tree import ROOT, Growth, Tree, TreeNode


@dataclass(frozen=True, slots=True)
class Mcts:
    """`together` leaves a wave get `expand` children each, until `most` pieces are drawn.

    If none is finished then, the best leaf is completed.
    """

    name = "mcts"
    version = "1"
    expand: int = 4
    """Continuations drawn from each node."""
    together: int = 2
    """Leaves expanded in a wave."""
    most: int = 128
    """Most pieces drawn for one problem."""
    c: float = 1.5
    """Weight of exploration."""

    def __post_init__(self) -> None:
        for option in ("expand", "together", "most"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_positive("search policy", self.name, "c", self.c)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """The leaves that PUCT reaches; one that was chosen in this wave counts as visited."""
        if not tree.nodes:
            return [Growth(ROOT, self.expand * self.together)]
        if len(tree.nodes) >= self.most:
            return [] if tree.finished else [Growth(best_leaf(tree).id, 1)]
        below, chosen = Backup(tree), list[str]()
        for _ in range(self.together):
            leaf = self._descend(tree, below, ROOT)
            if leaf is None:
                break
            chosen.append(leaf)
            below.visit(leaf)
        return [Growth(leaf, self.expand) for leaf in chosen]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return {node.id: max(node.score, 1e-6) for node in tree.finished}

    def _descend(self, tree: Tree, below: "Backup", node: str) -> str | None:
        """The leaf with the highest value below a node; None if all are finished or chosen."""
        children = [child for child in tree.children[node] if child.id in below.open]
        if not children:
            return node if node != ROOT and node in below.open and not tree.children[node] else None
        best = max(children, key=lambda child: self._worth(tree, below, node, child))
        return self._descend(tree, below, best.id)

    def _worth(self, tree: Tree, below: "Backup", parent: str, child: TreeNode) -> float:
        visits = below.visits[child.id]
        explore = self.c * prior(tree, child) * math.sqrt(below.visits[parent]) / (1 + visits)
        return below.total[child.id] / visits + explore


class Backup:
    """Visits and scores below each node, the node included. `open`: those below which something may grow."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.visits: Counter[str] = Counter()
        self.total: dict[str, float] = dict.fromkeys([ROOT, *tree.by_id], 0.0)
        self.open: set[str] = set()
        for node in reversed(tree.nodes):
            self.visits[node.id] += 1
            self.total[node.id] += node.score
            self.visits[node.parent] += self.visits[node.id]
            self.total[node.parent] += self.total[node.id]
            children = tree.children[node.id]
            if any(child.id in self.open for child in children) or not (children or node.finished):
                self.open.add(node.id)

    def visit(self, leaf: str) -> None:
        """Count a chosen leaf as visited with nothing gained, and close it for this wave."""
        for node in self._tree.path(leaf)[::-1]:
            self.visits[node.id] += 1
            if not any(child.id in self.open for child in self._tree.children[node.id]):
                self.open.discard(node.id)
        self.visits[ROOT] += 1


def prior(tree: Tree, node: TreeNode) -> float:
    """exp(mean log-probability of the piece's tokens); 1 if the engine gives none."""
    if node.path_logprob is None:
        return 1.0
    before = tree.by_id[node.parent].path_logprob or 0.0 if node.parent != ROOT else 0.0
    return math.exp(min(0.0, (node.path_logprob - before) / max(1, node.tokens)))
