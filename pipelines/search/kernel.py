"""One wave of a search, checked: what a policy asks for as draws that every budget could plan. Asks no model."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.search.tree import ROOT, Growth, SearchPolicy, Tree
from pipelines.tallies import Draw
from storage.errors import broken


@dataclass(frozen=True, slots=True)
class SearchSteps:
    """The names of the steps that a search draws on: the first piece of an answer, the next ones, the finished answer."""

    first: str = "piece"
    following: str = "next"
    answer: str = "answer"

    @property
    def pieces(self) -> tuple[str, str]:
        """Those that draw pieces."""
        return self.first, self.following

    @property
    def names(self) -> tuple[str, str, str]:
        """All of them, in the order of the recipe."""
        return self.first, self.following, self.answer


def wave_of(policy: SearchPolicy, tree: Tree, most_tokens: int | None = None) -> Sequence[Growth]:
    """What the policy asks for, nothing once the tree has cost `most_tokens`; a policy that breaks the rules is broken."""
    if most_tokens is not None and tree.tokens >= most_tokens:
        return ()
    growths = list(policy.grow(tree))
    for growth in growths:
        node = tree.by_id.get(growth.node)
        if growth.count < 1 or (growth.node != ROOT and (node is None or node.finished)):
            raise broken(f"search policy {policy.name!r} asks for {growth} of {len(tree.nodes)} nodes of {tree.problem_id}")
    if len({growth.node for growth in growths}) < len(growths):
        raise broken(f"search policy {policy.name!r} names a node twice in one wave")
    return growths


def draws_of(growths: Sequence[Growth], tree: Tree, steps: SearchSteps) -> list[Draw]:
    """The growths as draws; indices go on behind the children that a node has."""
    return [
        Draw(
            tree.problem_id,
            len(tree.children[one.node]),
            one.count,
            steps.first if one.node == ROOT else steps.following,
            () if one.node == ROOT else (one.node,),
        )
        for one in growths
    ]
