"""Search policy `best_first`: the best partial answer of any length continues, until enough are finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.search.policies.ranking import best_leaf, ranked
from rollmill.pipelines.search.tree import ROOT, Growth, Tree


@dataclass(frozen=True, slots=True)
class BestFirst:
    """`expand` pieces from each of the `together` best leaves, until `answers` are finished or `most` pieces are drawn.

    Leaves of equal score: the deepest first, then by chance. A node continues once.
    """

    name = "best_first"
    version = "2"
    expand: int = 4
    """Continuations drawn from each node."""
    together: int = 2
    """Leaves expanded in a wave."""
    answers: int = 8
    """Finished answers that end the search."""
    most: int = 256
    """Most pieces drawn for one problem."""
    settled: bool = False
    """Count a finished answer only once no unfinished one has a better score: A* and uniform-cost search, whose first
    answer is the best of all wherever a score never rises as its text goes on."""

    def __post_init__(self) -> None:
        for option in ("expand", "together", "answers", "most"):
            checked_count("search policy", self.name, option, getattr(self, option))

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """The best leaves; nothing once there are enough answers or pieces."""
        if not tree.nodes:
            return [Growth(ROOT, min(self.expand * self.together, self.most))]
        left = self.most - len(tree.nodes)
        if left <= 0:
            begun = left < 0 and self.settled  # a score that falls with every piece would lead to another leaf each time
            return [] if tree.finished else [Growth((tree.nodes[-1] if begun else best_leaf(tree)).id, 1)]
        leaves = [node for node in tree.nodes if not node.finished and not tree.children[node.id]]
        # A leaf with a better score could still lead to a better answer.
        best = max((node.score for node in leaves), default=0.0) if self.settled else 0.0
        if sum(node.score >= best for node in tree.finished) >= self.answers:
            return []
        # The sort is stable, so leaves of equal score and depth keep the random order of `ranked`.
        order = sorted(ranked(leaves, tree.chance(len(tree.waves) - 1)), key=lambda node: (-node.score, -node.depth))
        counts = (min(self.expand, left - self.expand * place) for place in range(self.together))
        return [Growth(node.id, count) for node, count in zip(order, counts, strict=False) if count > 0]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each finished answer whose score is the best."""
        top = max((node.score for node in tree.finished), default=0.0)
        return {node.id: 1.0 for node in tree.finished if node.score == top}
