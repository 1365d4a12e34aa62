"""Search policy `diverse_beam`: separate small beams, so that one good beginning does not take all places.

Diverse verifier tree search (Beeching et al. 2024): the first pieces are dealt out to `width / expand` groups, and each
group keeps its best node alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.search.beam import Beam
from pipelines.search.ranking import checked_width, ranked
from pipelines.search.tree import ROOT, Growth, Node, Tree


@dataclass(frozen=True, slots=True)
class DiverseBeam:
    """`width` pieces a wave in `width / expand` groups, of each of which the best node goes on `expand` times.

    `apart`: a group does not keep a piece that an earlier group keeps in the same wave, while it has another.
    """

    name = "diverse_beam"
    version = "1"
    width: int = 16
    expand: int = 4
    apart: bool = True

    def __post_init__(self) -> None:
        checked_width(self.name, self.width, self.expand)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """The best of each group, finished answers left out."""
        if not tree.nodes:
            return [Growth(ROOT, self.width)]
        return [Growth(node.id, self.expand) for node in self._kept(tree) if not node.finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """One for each answer that was finished."""
        return Beam.votes(Beam(self.width, self.expand), tree)

    def _kept(self, tree: Tree) -> Sequence[Node]:
        kept: list[Node] = []
        for wave, nodes in enumerate(tree.waves):
            groups = self._groups(nodes, kept)
            chance, chosen, marks = tree.chance(wave), list[Node](), set[str]()
            for group in groups:
                order = ranked(group, chance)
                best = next((node for node in order if not self.apart or node.mark not in marks), order[0])
                chosen.append(best)
                marks.add(best.mark)
            kept = chosen
        return kept

    def _groups(self, nodes: Sequence[Node], kept: Sequence[Node]) -> list[Sequence[Node]]:
        """The new nodes with what their group kept, where that is finished; of the first wave in turn."""
        if not kept:
            return [nodes[at : at + self.expand] for at in range(0, len(nodes), self.expand)]
        mine: dict[str, list[Node]] = {}
        for node in nodes:
            mine.setdefault(node.parent, []).append(node)
        return [[node] if node.finished else mine[node.id] for node in kept]
