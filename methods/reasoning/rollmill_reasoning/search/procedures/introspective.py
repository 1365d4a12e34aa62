"""Search policy `introspective`: a tree of whole answers, each written in view of its parent and siblings, whose values
move from estimates to measured scores (I-MCTS, Liang et al. 2025, arXiv:2502.14693).

UCT chooses an answer, and a new one is written that sees this answer and those already written from it. A score that is an
outcome is measured; any other is estimated (`measured` of a node). The value of an answer is the mean of the scores at and
below it, where an estimate has the weight `trust` and a measured score the weight 1.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.methods import (
    ROOT,
    Growth,
    Tree,
    TreeNode,
    checked_count,
    checked_positive,
    checked_question,
    checked_share,
    votes_by_score,
)
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, to_their_ends

TEMPLATE = """{prompt}

An answer, and behind it those that were already made of it:
{piece*}

Say what is weak in all of them, and write a whole answer that is better than each."""


@dataclass(frozen=True, slots=True)
class Introspective:
    """Finished answers vote with their scores."""

    name = "introspective"
    version = "1"
    whole = True
    n: int = 3
    """Answers drawn first."""
    most: int = 16
    """Most answers drawn."""
    children: int = 3
    """Most answers written from one."""
    shown: int = 3
    """Most siblings shown; 0: the parent alone."""
    c: float = 0.7
    """Weight of exploration."""
    trust: float = 0.25
    """Weight of an estimated score; that of a measured one is 1."""
    template: str = TEMPLATE
    """Request for an answer, with `{prompt}` and `{piece*}`."""

    def __post_init__(self) -> None:
        for option in ("n", "most", "children"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_count("search policy", self.name, "shown", self.shown, least=0)
        checked_positive("search policy", self.name, "c", self.c)
        checked_share("search policy", self.name, "trust", self.trust)
        checked_question(self.name, "template", self.template)

    @property
    def questions(self) -> Mapping[str, str]:
        """The request for an answer."""
        return {"rewritten": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the first answers, then one answer a wave."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """One answer at a time."""
        yield [Growth(ROOT, min(self.n, self.most))]
        values = HybridValues(self.trust)
        for node in (yield from to_their_ends(past)):
            values.add(node, "")
        while len(values.nodes) < self.most:
            source = self._source(values)
            if source is None:
                return
            siblings = values.children[source]
            yield [Growth(source, 1, "rewritten", tuple(siblings[max(0, len(siblings) - self.shown) :]))]
            for node in past.new:
                values.add(node, source)

    def _source(self, values: "HybridValues") -> str | None:
        """The answer with the highest UCT value that may have another child."""
        total = len(values.nodes)
        free = [node for node in values.nodes if len(values.children[node]) < self.children]
        bounds = {node: values.value(node) + self.c * math.sqrt(math.log(total + 1) / values.visits[node]) for node in free}
        return max(bounds, key=lambda node: bounds[node]) if bounds else None


class HybridValues:
    """Values of answers from estimated and measured scores at and below them."""

    def __init__(self, trust: float) -> None:
        self._trust = trust
        self.nodes: dict[str, TreeNode] = {}
        self.children: dict[str, list[str]] = {}
        self.visits: Counter[str] = Counter()
        self.measured: Counter[str] = Counter()
        self._parents: dict[str, str] = {}
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, node: TreeNode, parent: str) -> None:
        """Add an answer written from `parent`, "" for a first one."""
        self.nodes[node.id], self._parents[node.id], self.children[node.id] = node, parent, []
        if parent:
            self.children[parent].append(node.id)
        at, weight = node.id, 1.0 if node.measured else self._trust
        while at:
            weights, total = self._sums.get(at, (0.0, 0.0))
            self._sums[at] = weights + weight, total + weight * node.score
            self.visits[at] += 1
            self.measured[at] += node.measured
            at = self._parents[at]

    def value(self, node: str) -> float:
        """Weighted mean of the scores at and below an answer; its own score if all weights are 0."""
        weights, total = self._sums[node]
        return total / weights if weights else self.nodes[node].score

    def provenance(self, node: str) -> str:
        """Origin of a value: `measured`, `estimated`, or `both`."""
        count = self.measured[node]
        return "estimated" if not count else "measured" if count == self.visits[node] else "both"
