"""Search policy `step_mcts`: a tree search whose values are gains of single steps (Xie et al. 2024, arXiv:2405.00451).

The worth of a node is its score, the model's confidence with process `votes` or `logprob`, over max(depth - 3, 1); of an
end whose score is an outcome it is 1.25 or -1. The reward of a step is its worth less that of its parent, V the mean of the
children's Q weighted by their visits, and Q = reward + `gamma` V. PUCT goes to the child with the most Q + c * prior *
sqrt(N of the parent) / (1 + N), prior = exp(log-probability / tokens ** 1.25), or the share of equal draws. Export
`piece_pairs` takes the best and the worst of siblings and smooths labels by their visits.
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
    checked_count,
    checked_positive,
    checked_share,
    votes_by_score,
)
from rollmill_reasoning.search.merged import MergedTree

RIGHT = 1.25  # worth of a right end: 1, times 5/4 where it is no copy of a reference, which no draw is
_LENGTH = 1.25  # power of the tokens that divides the log-probability of a prior


@dataclass(frozen=True, slots=True)
class StepMcts:
    """One leaf a wave gets `actions` children, the root `at_root` times as many, until `most` pieces are drawn."""

    name = "step_mcts"
    version = "1"
    actions: int = 2
    """Children of a node."""
    at_root: int = 4
    """Factor of the children of the root."""
    most: int = 64
    """Most pieces drawn for one problem."""
    depth: int = 12
    """Greatest depth that is expanded."""
    gamma: float = 1.0
    """Weight of what follows a step."""
    c: float = 1.0
    """Weight of exploration."""

    def __post_init__(self) -> None:
        for option in ("actions", "at_root", "most", "depth"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_share("search policy", self.name, "gamma", self.gamma)
        checked_positive("search policy", self.name, "c", self.c)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """The leaf that PUCT reaches; without an end at the limit, a piece more of the best leaf."""
        if not tree.nodes:
            return [Growth(ROOT, min(self.actions * self.at_root, self.most))]
        left = self.most - len(tree.nodes)
        leaf = self._leaf(StepValues(tree, self.gamma)) if left > 0 else None
        if leaf is not None:
            return [Growth(leaf, min(self.actions, left))]
        return [] if tree.finished else [Growth(best_leaf(tree).id, 1)]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return votes_by_score(tree)

    def _leaf(self, values: "StepValues") -> str | None:
        """The leaf below the root with the highest bounds; None if nothing may continue."""
        open_nodes: set[str] = set()
        for node in values.upwards:
            draw = values.draws[node][0]
            leaf = not draw.finished and draw.depth < self.depth and not values.children[node]
            if leaf or any(child.id in open_nodes for child in values.children[node]):
                open_nodes.add(node)
        at = ROOT
        while options := [child for child in values.children[at] if child.id in open_nodes]:
            at = max(options, key=lambda child: self._bound(values, at, child)).id
        return at or None

    def _bound(self, values: "StepValues", parent: str, child: TreeNode) -> float:
        explore = self.c * values.prior(child) * math.sqrt(values.visits[parent]) / (1 + values.visits[child.id])
        return values.q[child.id] + explore


class StepValues(MergedTree):
    """Visits and Q of the distinct nodes of a tree; equal pieces after one text are one node."""

    def __init__(self, tree: Tree, gamma: float) -> None:
        super().__init__(tree, every=True)
        self.visits: Counter[str] = Counter()
        self.q: dict[str, float] = {}
        for node in self.upwards:
            self.visits[node] += 1
            self.visits[self.parent[node]] += self.visits[node]
            reward = self.worth(node) - self.worth(self.parent[node])
            self.q[node] = reward + gamma * self.v(node)

    def worth(self, node: str) -> float:
        """Confidence over max(depth - 3, 1), or the outcome of a measured end; 0 of the root."""
        if node == ROOT:
            return 0.0
        draws = self.draws[node]
        score = fmean(draw.score for draw in draws)
        if draws[0].finished and draws[0].measured:
            return RIGHT * score - (1.0 - score)
        return score / max(draws[0].depth - 3, 1)

    def v(self, node: str) -> float:
        """Mean Q of the children by their visits; 0 without children."""
        children = self.children[node]
        total = sum(self.visits[child.id] for child in children)
        return math.fsum(self.visits[child.id] * self.q[child.id] for child in children) / total if total else 0.0

    def prior(self, node: TreeNode) -> float:
        """exp(log-probability / tokens ** 1.25) of the piece; of an engine that gives none, its share of the draws."""
        own = self.log_prob(node)
        return self.share(node.id) if own is None else math.exp(min(0.0, own / max(1, node.tokens) ** _LENGTH))
