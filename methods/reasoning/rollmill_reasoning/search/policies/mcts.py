"""Search policy `mcts`: PUCT over pieces (AlphaMath Almost Zero, arXiv:2405.03553).

From the root it goes down to the child with the most Q + c * prior * sqrt(N of the parent) / (1 + N), where Q is the mean
score of all nodes below (itself too), N their number, and the prior exp(mean log-probability of the piece's tokens), or,
of an engine that gives none, the share of the parent's draws that are this piece. Such an engine's equal pieces behind a
text are one node, with `merge` (as published) every engine's; only where every other node has ended, the other draws of a
piece continue too. Q and N follow from the tree, so there is no other state.

With `back_up: ends`, finished answers alone are backed up, as 2 * score - 1: outcomes of -1 and 1 with process `outcome`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rollmill.methods import (
    ROOT,
    Growth,
    Tree,
    TreeNode,
    best_leaf,
    checked_choice,
    checked_count,
    checked_positive,
    votes_by_score,
)
from rollmill_reasoning.search.merged import MergedTree


@dataclass(frozen=True, slots=True)
class Mcts:
    """`together` leaves a wave get `expand` children each, until `most` pieces are drawn.

    If none is finished then, the best leaf is completed.
    """

    name = "mcts"
    version = "3"
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
    back_up: str = "scores"
    """Values that are backed up: the `scores` of all nodes, or those of finished answers, `ends`, from -1 to 1."""

    def __post_init__(self) -> None:
        for option in ("expand", "together", "most"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_positive("search policy", self.name, "c", self.c)
        checked_choice("search policy", self.name, "back_up", self.back_up, ("scores", "ends"))

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """The leaves that PUCT reaches; one that was chosen in this wave counts as visited."""
        if not tree.nodes:
            return [Growth(ROOT, min(self.expand * self.together, self.most))]
        left = self.most - len(tree.nodes)
        if left <= 0:
            # Without a finished answer there would be nothing to vote for.
            return [] if tree.finished else [Growth(best_leaf(tree).id, 1)]
        below, chosen = Backup(tree, merge=self.merge, ends=self.back_up == "ends"), list[str]()
        for _ in range(min(self.together, math.ceil(left / self.expand))):
            leaf = self._descend(below, ROOT)
            if leaf is None:
                break
            chosen.append(below.take(leaf))
        return [Growth(leaf, min(self.expand, left - self.expand * place)) for place, leaf in enumerate(chosen)]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return votes_by_score(tree)

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
        return below.value(child.id) + explore


class Backup(MergedTree):
    """Visits and scores below each node, the node included; `ends`: scores of finished answers alone, from -1 to 1.

    `open`: nodes at or below which something may continue: one that never did, and if there is none left, one with a draw
    that never did.
    """

    def __init__(self, tree: Tree, *, merge: bool = False, ends: bool = False) -> None:
        super().__init__(tree, every=merge)
        self._ends = ends
        self.visits: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.total: dict[str, float] = dict.fromkeys(self.draws, 0.0)
        for node in self.upwards:
            self.visits[node] += 1
            self._count(node)
            self.visits[self.parent[node]] += self.visits[node]
            self.counted[self.parent[node]] += self.counted[node]
            self.total[self.parent[node]] += self.total[node]
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
            # A virtual loss: the visit brings no score, so the wave's next descent tends to go elsewhere.
            self.visits[at] += 1
            at = self.parent[at]
        self.visits[ROOT] += 1
        self.open = self._opened()
        return draw

    def value(self, node: str) -> float:
        """Q: the mean of what was backed up; 0 where nothing was, and for visits that wait for their wave."""
        return self.total[node] / max(1, self.counted[node] if self._ends else self.visits[node])

    def prior(self, node: TreeNode) -> float:
        """exp(mean log-probability of the piece's tokens); of an engine that gives none, the piece's share of the draws."""
        own = self.log_prob(node)
        # A piece's log-probability is a difference of two sums, which may round to above 0.
        return self.share(node.id) if own is None else math.exp(min(0.0, own / max(1, node.tokens)))

    def _count(self, node: str) -> None:
        """Back up the node's own value."""
        score = fmean(draw.score for draw in self.draws[node])
        if not self._ends:
            self.total[node] += score
        elif self.draws[node][0].finished:
            self.counted[node] += 1
            self.total[node] += 2 * score - 1

    def _opened(self) -> set[str]:
        # Children come before their parents, so a parent finds its open children in the set.
        nodes: set[str] = set()
        for node in self.upwards:
            if self.may_continue(node) or any(child.id in nodes for child in self.children[node]):
                nodes.add(node)
        return nodes

    def _rest(self, node: str) -> list[str]:
        """The draws of a node that never continued."""
        return [draw.id for draw in self.draws[node] if not self._tree.children[draw.id] and draw.id not in self._spent]
