"""Search policy `best_of_n`: answers drawn to their ends side by side; the best by the process counts, or all vote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.pipelines.option_checks import checked_choice, checked_count
from rollmill.pipelines.search.policies.ranking import ranked
from rollmill.pipelines.search.tree import ROOT, Growth, Tree


@dataclass(frozen=True, slots=True)
class BestOfN:
    """`n` answers. `by`: `score`, where the one with the best score of its whole text counts, or `vote`, one vote each."""

    name = "best_of_n"
    version = "1"
    n: int = 16
    """Answers drawn side by side."""
    by: str = "score"
    """Criterion of the choice: the best `score`, or a `vote`."""

    def __post_init__(self) -> None:
        checked_count("search policy", self.name, "n", self.n)
        checked_choice("search policy", self.name, "by", self.by, ("score", "vote"))

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Every unfinished answer continues once."""
        if not tree.nodes:
            return [Growth(ROOT, self.n)]
        return [Growth(node.id, 1) for node in tree.waves[-1] if not node.finished]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for the best finished answer, or for each."""
        best = ranked(tree.finished, tree.chance(len(tree.waves)))
        return {node.id: 1.0 for node in (best if self.by == "vote" else best[:1])}
