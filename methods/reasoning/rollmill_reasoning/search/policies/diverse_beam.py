"""Search policy `diverse_beam`: separate small beams, so that one good beginning does not take all places.

Diverse verifier tree search (Beeching et al. 2024): the first pieces are dealt out to `width / expand` groups, and each
group keeps only its best node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.methods import Beam, Tree, TreeNode, ranked


@dataclass(frozen=True, slots=True)
class DiverseBeam(Beam):
    """`width` pieces a wave in `width / expand` groups, of each of which the best node continues `expand` times.

    `apart`: a group does not keep a piece that an earlier group keeps in the same wave, while it has another.
    """

    name = "diverse_beam"
    version = "1"
    apart: bool = True
    """Keep a group from choosing a piece that an earlier group keeps in the same wave."""

    def _kept(self, tree: Tree) -> Sequence[TreeNode]:
        """The best of each group."""
        kept: list[TreeNode] = []
        for wave, nodes in enumerate(tree.waves):
            groups = self._groups(nodes, kept)
            chance, chosen, marks = tree.chance(wave), list[TreeNode](), set[str]()
            for group in groups:
                order = ranked(group, chance)
                best = next((node for node in order if not self.apart or node.mark not in marks), order[0])
                chosen.append(best)
                marks.add(best.mark)
            kept = chosen
        return kept

    def _groups(self, nodes: Sequence[TreeNode], kept: Sequence[TreeNode]) -> list[Sequence[TreeNode]]:
        """The new nodes with what their group kept, if that is finished; of the first wave in turn."""
        if not kept:
            return [nodes[at : at + self.expand] for at in range(0, len(nodes), self.expand)]
        mine: dict[str, list[TreeNode]] = {}
        for node in nodes:
            mine.setdefault(node.parent, []).append(node)
        return [[node] if node.finished else mine[node.id] for node in kept]
