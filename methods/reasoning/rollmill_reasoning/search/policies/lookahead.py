"""Search policy `lookahead`: a beam that scores a piece by where it leads (Snell et al. 2024, arXiv:2408.03314).

Each candidate is continued once, by `ahead` pieces; its value is the score at the end. The best candidates then continue
from their own ends, and a lookahead is a child like the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rollmill.methods import ROOT, Growth, Tree, TreeNode, checked_count, checked_width, ranked


@dataclass(frozen=True, slots=True)
class Lookahead:
    """`width` candidates, of which `width / expand` are kept and continue `expand` times each."""

    name = "lookahead"
    version = "2"
    width: int = 8
    """Pieces drawn in a wave."""
    expand: int = 4
    """Continuations drawn from each node."""
    ahead: int = 1
    """Pieces drawn beyond each one to rate it."""

    def __post_init__(self) -> None:
        checked_width(self.name, self.width, self.expand)
        checked_count("search policy", self.name, "ahead", self.ahead)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """A lookahead from each candidate, or candidates from the kept nodes."""
        if not tree.nodes:
            return [Growth(ROOT, self.width)]
        candidates, looked = self._candidates(tree)
        if looked < self.ahead:
            ends = [end for node in candidates if not (end := lookahead_end(tree, node)).finished]
            if ends:
                return [Growth(end.id, 1) for end in ends]
        return [Growth(node.id, self.expand) for node in self._kept(tree, candidates) if not node.finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each finished answer."""
        return {node.id: 1.0 for node in tree.finished}

    def _candidates(self, tree: Tree) -> tuple[Sequence[TreeNode], int]:
        """The candidates of now and how far was looked from them: all follows from the order of the waves."""
        candidates: Sequence[TreeNode] = ()
        looked = 0
        for nodes in tree.waves:
            # As the tree was when this wave was planned: ties are drawn by the number of its waves.
            part = Tree(tree.problem_id, tuple(node for node in tree.nodes if node.wave < nodes[0].wave), tree.seed)
            # A look goes on from ends; new candidates come from kept ones, behind which there is a look.
            ends = {lookahead_end(part, node).id for node in candidates}
            if looked < self.ahead and {child.parent for child in nodes} <= ends:
                looked += 1
                continue
            finished = [node for node in self._kept(part, candidates) if node.finished] if candidates else []
            candidates, looked = [*finished, *nodes], 0
        return candidates, looked

    def _kept(self, tree: Tree, candidates: Sequence[TreeNode]) -> Sequence[TreeNode]:
        """The candidates that lead to the best ends."""
        worth = [replace(node, score=lookahead_end(tree, node).score) for node in candidates]
        return [tree.by_id[node.id] for node in ranked(worth, tree.chance(len(tree.waves)))[: self.width // self.expand]]


def lookahead_end(tree: Tree, node: TreeNode) -> TreeNode:
    """End of the first look ahead from a node."""
    # The look is a node's first child; later children are continuations of a kept node.
    while children := tree.children[node.id]:
        node = children[0]
    return node
