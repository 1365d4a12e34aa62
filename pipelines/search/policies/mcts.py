"""Search policy `mcts`: PUCT over pieces (AlphaMath Almost Zero, arXiv:2405.03553).

From the root it goes down to the child with the most Q + c * prior * sqrt(N of the parent) / (1 + N), where Q is the mean
score of all nodes below (itself too), N their number, and the prior exp(mean log-probability of the piece's tokens), or,
of an engine that gives none, the share of the parent's draws that are this piece. Such an engine's equal pieces behind a
text are one node, with `merge` (as published) every engine's; only where every other node has ended, the other draws of a
piece continue too. Q and N follow from the tree, so there is no other state.
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
    merge: bool = False
    """Take equal pieces behind a text for one, also where the engine gives log-probabilities."""

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
        below, chosen = Backup(tree, merge=self.merge), list[str]()
        for _ in range(min(self.together, math.ceil(left / self.expand))):
            leaf = self._descend(below, ROOT)
            if leaf is None:
                break
            chosen.append(below.take(leaf))
        return [Growth(leaf, min(self.expand, left - self.expand * place)) for place, leaf in enumerate(chosen)]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return {node.id: max(node.score, 1e-6) for node in tree.finished}

    def _descend(self, below: "Backup", node: str) -> str | None:
        """The node with the highest value below this one that may continue; None if there is none."""
        if below.may_continue(node):
            return node
        children = [child for child in below.children[node] if child.id in below.open]
        if not children:
            return None
        return self._descend(below, max(children, key=lambda child: self._worth(below, node, child)).id)

    def _worth(self, below: "Backup", parent: str, child: TreeNode) -> float:
        visits = below.visits[child.id]
        explore = self.c * below.prior(child) * math.sqrt(below.visits[parent]) / (1 + visits)
        return below.total[child.id] / visits + explore


class Backup:
    """Visits and scores below each node, the node included; merged pieces are the first of them.

    `draws`: all equal ones of a node. `children`: its different ones. `open`: nodes at or below which something may
    continue: one that never did, and if there is none left, one with a draw that never did.
    """

    def __init__(self, tree: Tree, *, merge: bool = False) -> None:
        self._tree, self._merged = tree, merge
        self.draws: dict[str, list[TreeNode]] = {ROOT: []}
        self.children: dict[str, list[TreeNode]] = {}
        self._parent: dict[str, str] = {}
        self._merge()
        self.visits: Counter[str] = Counter()
        self.total: dict[str, float] = dict.fromkeys(self.draws, 0.0)
        for node in self._upwards():
            self.visits[node] += 1
            self.total[node] += fmean(draw.score for draw in self.draws[node])
            self.visits[self._parent[node]] += self.visits[node]
            self.total[self._parent[node]] += self.total[node]
        self._spent: set[str] = set()
        self.again = False
        self.open = self._opened()
        if not self.open:
            self.again = True
            self.open = self._opened()

    def may_continue(self, node: str) -> bool:
        """True if this very node may continue."""
        if node == ROOT or self.draws[node][0].finished:
            return False
        return self._rest(node) != [] and (self.again or not (self.children[node] or node in self._spent))

    def take(self, node: str) -> str:
        """The draw of this node that continues. It counts as visited with nothing gained, and waits for the next wave."""
        draw, at = self._rest(node)[0], node
        self._spent.add(draw)
        while at != ROOT:
            self.visits[at] += 1
            at = self._parent[at]
        self.visits[ROOT] += 1
        self.open = self._opened()
        return draw

    def prior(self, node: TreeNode) -> float:
        """exp(mean log-probability of the piece's tokens); of an engine that gives none, the piece's share of the draws."""
        if node.path_logprob is None:
            siblings = self.children[self._parent[node.id]]
            return len(self.draws[node.id]) / sum(len(self.draws[sibling.id]) for sibling in siblings)
        before = self._tree.by_id[node.parent].path_logprob or 0.0 if node.parent != ROOT else 0.0
        return math.exp(min(0.0, (node.path_logprob - before) / max(1, node.tokens)))

    def _merge(self) -> None:
        """The different nodes from the root downwards, each behind its parent."""
        waiting = [(ROOT, [ROOT])]
        for parent, draws in waiting:
            groups = self._equal([child for draw in draws for child in self._tree.children[draw]])
            self.children[parent] = [group[0] for group in groups]
            for group in groups:
                first = group[0].id
                self.draws[first], self._parent[first] = group, parent
                waiting.append((first, [draw.id for draw in group]))

    def _upwards(self) -> list[str]:
        """The different nodes, each before its parent."""
        return list(self._parent)[::-1]

    def _opened(self) -> set[str]:
        nodes: set[str] = set()
        for node in self._upwards():
            if self.may_continue(node) or any(child.id in nodes for child in self.children[node]):
                nodes.add(node)
        return nodes

    def _rest(self, node: str) -> list[str]:
        """The draws of a node that never continued."""
        return [draw.id for draw in self.draws[node] if not self._tree.children[draw.id] and draw.id not in self._spent]

    def _equal(self, children: Sequence[TreeNode]) -> list[list[TreeNode]]:
        """The children of a text by their pieces, in order of the first; one without a mark equals no other."""
        groups: dict[tuple[str, bool], list[TreeNode]] = {}
        for child in children:
            merged = child.mark and (self._merged or child.path_logprob is None)
            groups.setdefault((child.mark if merged else child.id, child.finished), []).append(child)
        return list(groups.values())
