"""Search policy `backtracking`: depth first, and back where the process doubts.

One chain at a time, which ends with its first accepted answer: a piece whose score is below `least` is thrown away and
drawn again from its parent; after `tries` such pieces the chain goes back one piece further. Where everything is doubted,
the best begun answer is brought to its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, TreeNode, best_leaf, checked_count, checked_share


@dataclass(frozen=True, slots=True)
class Backtracking:
    """`answers` accepted ends, side by side `chains` pieces a wave, and at most `most` pieces in all."""

    name = "backtracking"
    version = "2"
    answers: int = 4
    """Finished answers to accept."""
    chains: int = 4
    """Pieces drawn side by side."""
    tries: int = 4
    """Tries of a piece before the search goes back."""
    least: float = 0.5
    """Value below which a piece is given up."""
    most: int = 256
    """Most pieces drawn for one problem."""

    def __post_init__(self) -> None:
        for option in ("answers", "chains", "tries", "most"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_share("search policy", self.name, "least", self.least)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Request a piece for each chain, from the deepest node of it that has tries left."""
        if not tree.nodes:
            return [Growth(ROOT, min(self.chains, self.answers, self.most))]
        accepted = sum(node.score >= self.least for node in tree.finished)
        # Without a finished answer there would be nothing to vote for, so this goes beyond `most`.
        if len(tree.nodes) >= self.most and not tree.finished:
            return [Growth(best_leaf(tree).id, 1)]
        left = self.most - len(tree.nodes)
        if accepted >= self.answers or left <= 0:
            return []
        open_ends = [end for first in tree.children[ROOT] if (end := self._end(tree, first)) is not None]
        growths = [Growth(node.id, 1) for node in open_ends[: min(self.chains, left)]]
        # A chain that was given up at its first piece is replaced by a new one.
        fresh = min(self.chains, self.answers - accepted, left) - len(growths)
        return [*([Growth(ROOT, fresh)] if fresh > 0 else []), *growths]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each accepted answer, or for each finished one if none was accepted."""
        accepted = [node for node in tree.finished if node.score >= self.least]
        return {node.id: 1.0 for node in accepted or tree.finished}

    def _end(self, tree: Tree, node: TreeNode) -> TreeNode | None:
        """Node at which the chain from this node continues; None if it has ended or was given up."""
        if node.score < self.least or self._ended(tree, node):
            return None
        children = tree.children[node.id]
        for child in children:
            if (end := self._end(tree, child)) is not None:
                return end
        return node if len(children) < self.tries else None

    def _ended(self, tree: Tree, node: TreeNode) -> bool:
        """True if an answer was accepted at or below this node."""
        if node.score < self.least:
            return False
        return node.finished or any(self._ended(tree, child) for child in tree.children[node.id])
