"""Search policy `budget_forcing`: answers of at least `least` and about `most` tokens, by words put into them (s1,
Muennighoff et al. 2025, arXiv:2501.19393).

If the model ends an answer too early, its last piece, which states the result, is replaced by `wait`, and the model
continues; if an answer has `most` tokens and no end, `end` is written and the model states its result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, TreeNode, checked_count, checked_text


@dataclass(frozen=True, slots=True)
class BudgetForcing:
    """`n` parallel answers, each made to continue at most `waits` times: a model may end immediately again and again."""

    name = "budget_forcing"
    version = "1"
    n: int = 4
    """Answers drawn side by side."""
    least: int = 64
    """Tokens below which an answer is made to continue."""
    most: int = 128
    """Tokens from which an answer is made to end."""
    waits: int = 2
    """Times that an answer is made to continue."""
    wait: str = "\nWait,"
    """Text that makes it continue."""
    end: str = "#### "
    """Text that makes it end."""

    def __post_init__(self) -> None:
        for option, lowest in (("n", 1), ("least", 0), ("most", self.least + 1), ("waits", 0)):
            checked_count("search policy", self.name, option, getattr(self, option), least=lowest)
        for option, text in self.texts.items():
            checked_text(self.name, option, text)

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts that the policy writes, by the step that continues after them."""
        return {"wait": self.wait, "end": self.end}

    @property
    def longest(self) -> int:
        """The tokens at which an answer is ended."""
        return self.most

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Request a piece for each answer that is not at its end, behind a text where it is too short or too long."""
        growths = [self._growth(*chain(tree, first)) for first in tree.children[ROOT]]
        return [growth for growth in growths if growth is not None] if tree.nodes else [Growth(ROOT, self.n)]

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for each answer at its last end; a dropped end has no vote."""
        ends = [chain(tree, first)[0] for first in tree.children[ROOT]]
        return {node.id: 1.0 for node in ends if node.finished}

    def _growth(self, last: TreeNode, ended: int) -> Growth | None:
        if not last.finished:
            return Growth(last.id, 1, "end" if last.path_tokens >= self.most else "")
        if last.path_tokens >= self.least or ended > self.waits:
            return None
        return Growth(last.id if last.parent == ROOT else last.parent, 1, "wait")  # an answer of one piece goes on as it is


def chain(tree: Tree, node: TreeNode) -> tuple[TreeNode, int]:
    """Last node of the answer that begins with this piece, and how often the answer was at an end."""
    ended = int(node.finished)
    while children := tree.children[node.id]:
        ended += sum(child.finished for child in children)
        node = children[-1]
    return node, ended
