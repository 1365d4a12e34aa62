"""Search policy `actions`: a tree whose edges are actions, to clarify the problem, advance one step, or answer in full
(BEATS, Sun et al. 2024, arXiv:2409.17972).

The problem is clarified only at the root, `clarify` times; steps then answer the clarified problem or the problem itself. A
path has at most `steps` one-step actions and then one full answer. Of the different steps of a level the `width` best are
continued, and the others are pruned. Finished answers are candidates. Those with a score above one half vote: with process
`back_verification`, those whose answer satisfies the problem when it is substituted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import ROOT, Growth, Tree, TreeNode, checked_count, checked_question, ranked
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends

PASS = 0.5
CLARIFY = "{prompt}\n\nWrite this problem anew so that nothing in it is ambiguous. Do not solve it."
SOLVE = "{prompt}\n\nThe same problem in other words:\n{piece*}\n\nSolve it step by step."


@dataclass(frozen=True, slots=True)
class Actions:
    """Candidates with a score above one half vote with 1; without any, every candidate does."""

    name = "actions"
    version = "1"
    whole = False
    clarify: int = 1
    """Clarified versions of the problem; 0 for none."""
    expand: int = 3
    """Steps drawn from each node."""
    width: int = 4
    """Different steps of a level that are continued."""
    steps: int = 5
    """Most one-step actions of a path."""
    template: str = CLARIFY
    """Request for a clarified problem, with `{prompt}`."""
    solve: str = SOLVE
    """Request to solve the clarified problem, with `{prompt}` and `{piece*}`."""

    def __post_init__(self) -> None:
        checked_count("search policy", self.name, "clarify", self.clarify, least=0)
        for option in ("expand", "width", "steps"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_question(self.name, "template", self.template, of_nodes=False)
        checked_question(self.name, "solve", self.solve)

    @property
    def questions(self) -> Mapping[str, str]:
        """The requests to clarify and to solve."""
        return {"direction": self.template, "rewritten": self.solve}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Steps of a level, or a piece of each full answer."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of the candidates."""
        survivors = [node for node in tree.finished if node.score > PASS]
        return {node.id: 1.0 for node in survivors or tree.finished}

    def procedure(self, past: PastWaves) -> Procedure:
        """Levels of one-step actions, then full answers."""
        yield [Growth(ROOT, self.expand)]
        level = list(past.new)
        if self.clarify:
            # In a wave of its own, as a wave may name the root only once.
            yield [Growth(ROOT, self.clarify, "direction")]
            yield [Growth(node.id, self.expand, "rewritten") for node in past.new]
            level += past.new
        # The first step of each path is drawn above.
        for _ in range(self.steps - 1):
            going = [node for node in self._kept(past, level) if not node.finished]
            if not going:
                return
            yield [Growth(node.id, self.expand) for node in going]
            level = list(past.new)
        going = [node for node in self._kept(past, level) if not node.finished]
        if going:
            yield [Growth(node.id, 1) for node in going]
            yield from to_their_ends(past)

    def _kept(self, past: PastWaves, level: Sequence[TreeNode]) -> Sequence[TreeNode]:
        """The best of the different steps: equal pieces after one text are one step."""
        different: dict[tuple[str, str], TreeNode] = {}
        for node in level:
            # Equal steps would take up the width; a node without a mark equals no other.
            different.setdefault((node.parent, node.mark or node.id), node)
        return ranked(different.values(), past.chance)[: self.width]
