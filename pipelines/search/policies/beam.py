"""Search policy `beam`: the best nodes of each wave continue, several times each.

A finished answer that is among the best holds its place: answers that end early are not dropped for being short, and the
others continue in the remaining places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.pipelines.search.policies.ranking import checked_width, ranked
from rollmill.pipelines.search.tree import ROOT, Growth, Tree, TreeNode


@dataclass(frozen=True, slots=True)
class Beam:
    """`width` pieces a wave: the best `width / expand` nodes are kept, and each continues `expand` times."""

    name = "beam"
    version = "1"
    width: int = 16
    """Pieces drawn in a wave."""
    expand: int = 4
    """Continuations drawn from each node."""

    def __post_init__(self) -> None:
        checked_width(self.name, self.width, self.expand)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Request pieces behind the kept nodes of the last wave, finished answers left out."""
        if not tree.nodes:
            return [Growth(ROOT, self.width)]
        return [Growth(node.id, self.expand) for node in self._kept(tree) if not node.finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each finished answer, kept or not, since the last places were spent on them."""
        return {node.id: 1.0 for node in tree.finished}

    def _kept(self, tree: Tree) -> Sequence[TreeNode]:
        """The best of the last wave and of the finished answers that were kept before."""
        kept: list[TreeNode] = []
        for wave, nodes in enumerate(tree.waves):
            finished = [node for node in kept if node.finished]
            kept = ranked([*finished, *nodes], tree.chance(wave))[: self.width // self.expand]
        return kept
