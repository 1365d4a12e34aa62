"""Search policy `mcts`: PUCT over pieces (AlphaMath Almost Zero, arXiv:2405.03553).

From the root it goes down to the child with the most Q + c * prior * sqrt(N of the parent) / (1 + N), where Q is the mean
score of all nodes below (itself too), N their number, and the prior exp(mean log-probability of the piece's tokens), or,
of an engine that gives none, the share of the parent's draws that are this piece. Equal pieces of a parent are one node,
as published: only the first continues. Q and N follow from the tree, so there is no other state.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipelines.option_checks import checked_count, checked_positive
from pipelines.search.policies.ranking import best_leaf
from pipelines.search.tree import ROOT, Growth, Tree, TreeNode


@dataclass(frozen=True, slots=True)
class Mcts:
    """`together` leaves a wave get `expand` children each, until `most` pieces are drawn.

    If none is finished then, the best leaf is completed.
    """

    name = "mcts"
    version = "2"
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
            return [Growth(ROOT, min(self.expand * self.together, self.most))]
        left = self.most - len(tree.nodes)
        if left <= 0:
            return [] if tree.finished else [Growth(best_leaf(tree).id, 1)]
        below, chosen = Backup(tree), list[str]()
        for _ in range(min(self.together, math.ceil(left / self.expand))):
            leaf = self._descend(tree, below, ROOT)
            if leaf is None:
                break
            chosen.append(leaf)
            below.visit(leaf)
        return [Growth(leaf, min(self.expand, left - self.expand * place)) for place, leaf in enumerate(chosen)]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return {node.id: max(node.score, 1e-6) for node in tree.finished}

    def _descend(self, tree: Tree, below: "Backup", node: str) -> str | None:
        """The leaf with the highest value below a node; None if all are finished or chosen."""
        children = [child for child in below.children[node] if child.id in below.open]
        if not children:
            return node if node != ROOT and node in below.open and not tree.children[node] else None
        best = max(children, key=lambda child: self._worth(tree, below, node, child))
        return self._descend(tree, below, best.id)

    def _worth(self, tree: Tree, below: "Backup", parent: str, child: TreeNode) -> float:
        visits = below.visits[child.id]
        explore = self.c * prior(tree, child) * math.sqrt(below.visits[parent]) / (1 + visits)
        return below.total[child.id] / visits + explore


class Backup:
    """Visits and scores below each node, the node included, where equal pieces of a parent are the first of them.

    `children`: the different ones of each node. `open`: those below which something may grow.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        equal = {parent: equal_pieces(children) for parent, children in tree.children.items()}
        self.children = {parent: [pieces[0] for pieces in groups] for parent, groups in equal.items()}
        self.visits: Counter[str] = Counter()
        self.total: dict[str, float] = dict.fromkeys([ROOT, *tree.by_id], 0.0)
        self.open: set[str] = set()
        scores = {pieces[0].id: fmean(piece.score for piece in pieces) for groups in equal.values() for pieces in groups}
        for node in reversed(tree.nodes):
            if node.id not in scores:
                continue
            self.visits[node.id] += 1
            self.total[node.id] += scores[node.id]
            self.visits[node.parent] += self.visits[node.id]
            self.total[node.parent] += self.total[node.id]
            children = self.children[node.id]
            if any(child.id in self.open for child in children) or not (children or node.finished):
                self.open.add(node.id)

    def visit(self, leaf: str) -> None:
        """Count a chosen leaf as visited with nothing gained, and close it for this wave."""
        for node in self._tree.path(leaf)[::-1]:
            self.visits[node.id] += 1
            if not any(child.id in self.open for child in self.children[node.id]):
                self.open.discard(node.id)
        self.visits[ROOT] += 1


def equal_pieces(children: Sequence[TreeNode]) -> list[list[TreeNode]]:
    """The children of a node by their pieces, in order of the first; one without a mark equals no other."""
    groups: dict[tuple[str, bool], list[TreeNode]] = {}
    for child in children:
        groups.setdefault((child.mark or child.id, child.finished), []).append(child)
    return list(groups.values())


def prior(tree: Tree, node: TreeNode) -> float:
    """exp(mean log-probability of the piece's tokens); of an engine that gives none, the piece's share of the draws."""
    if node.path_logprob is None:
        siblings = tree.children[node.parent]
        alike = next(pieces for pieces in equal_pieces(siblings) if node in pieces)
        return len(alike) / len(siblings)
    before = tree.by_id[node.parent].path_logprob or 0.0 if node.parent != ROOT else 0.0
    return math.exp(min(0.0, (node.path_logprob - before) / max(1, node.tokens)))
