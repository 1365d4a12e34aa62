"""Search policy `proposals`: chains that choose each piece among `m` proposals by softmax(score / alpha) (soft value-based
decoding, SVDD, Li et al. 2024, arXiv:2408.08252).

With exact soft values as scores and m towards infinity, chains end at x with p(x) exp(r(x) / alpha) / Z; with m = 1 they
are plain draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, TreeNode, checked_count, checked_positive, softmax


@dataclass(frozen=True, slots=True)
class Proposals:
    """`n` chains, each of which draws `m` pieces a wave and continues one of them."""

    name = "proposals"
    version = "1"
    n: int = 4
    """Chains drawn side by side."""
    m: int = 4
    """Pieces of which a chain chooses one."""
    alpha: float = 0.2
    """Temperature of the choice; below 1 sharpens it."""

    def __post_init__(self) -> None:
        for option in ("n", "m"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_positive("search policy", self.name, "alpha", self.alpha)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """`m` pieces after the chosen node of each unfinished chain."""
        if not tree.nodes:
            return [Growth(ROOT, self.n * self.m)]
        return [Growth(node.id, self.m) for node in self._chosen(tree) if not node.finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for the end of each chain."""
        return {node.id: 1.0 for node in self._chosen(tree) if node.finished}

    def _chosen(self, tree: Tree) -> Sequence[TreeNode]:
        """The last node of each chain, in the order of the chains."""
        chosen: list[TreeNode] = []
        for wave, nodes in enumerate(tree.waves):
            chance = tree.chance(wave)
            offered = [nodes[at : at + self.m] for at in range(0, len(nodes), self.m)]
            picked = [chance.choices(some, softmax([node.score / self.alpha for node in some]))[0] for some in offered]
            going_on = iter(picked)
            chosen = [node if node.finished else next(going_on) for node in chosen] if chosen else picked
        return chosen
