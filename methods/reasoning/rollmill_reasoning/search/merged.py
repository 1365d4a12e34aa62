"""Tree of distinct texts: equal pieces after one text are one node, which counts all their draws."""

from collections.abc import Sequence

from rollmill.methods import ROOT, Tree, TreeNode


class MergedTree:
    """Search tree in which equal pieces after the same text are one node, named by the id of its first draw.

    `draws`: all equal draws of each node. `children`: distinct children of each node. `parent`: parent of each node.
    `every`: merge equal pieces also if the engine gives log-probabilities; a piece without a mark equals no other.
    """

    def __init__(self, tree: Tree, *, every: bool = False) -> None:
        self._tree, self._every = tree, every
        self.draws: dict[str, list[TreeNode]] = {ROOT: []}
        self.children: dict[str, list[TreeNode]] = {}
        self.parent: dict[str, str] = {}
        waiting = [(ROOT, [ROOT])]
        for parent, draws in waiting:
            groups = self._equal([child for draw in draws for child in tree.children[draw]])
            self.children[parent] = [group[0] for group in groups]
            for group in groups:
                first = group[0].id
                self.draws[first], self.parent[first] = group, parent
                waiting.append((first, [draw.id for draw in group]))

    @property
    def upwards(self) -> list[str]:
        """The different nodes, each before its parent."""
        return list(self.parent)[::-1]

    def share(self, node: str) -> float:
        """Share of a node's draws among those of all children of its parent."""
        siblings = self.children[self.parent[node]]
        return len(self.draws[node]) / sum(len(self.draws[sibling.id]) for sibling in siblings)

    def log_prob(self, node: TreeNode) -> float | None:
        """Summed log-probability of the tokens of a node's own piece; None of an engine that gives none."""
        if node.path_logprob is None:
            return None
        before = 0.0 if node.parent == ROOT else self._tree.by_id[node.parent].path_logprob
        return node.path_logprob - (before or 0.0)

    def _equal(self, children: Sequence[TreeNode]) -> list[list[TreeNode]]:
        """The children of a text by their pieces, in order of the first."""
        groups: dict[tuple[str, bool], list[TreeNode]] = {}
        for child in children:
            merged = child.mark and (self._every or child.path_logprob is None)
            groups.setdefault((child.mark if merged else child.id, child.finished), []).append(child)
        return list(groups.values())
