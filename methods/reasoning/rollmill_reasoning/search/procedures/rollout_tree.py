"""Search policy `rollout_tree`: small trees whose steps have values from rollouts, grown until enough right answers are
found (MedS^3, Jiang et al. 2025, arXiv:2501.12051).

A step at depth d has max(`rollouts` / (d + 1), `least_rollouts`) rollouts, answers drawn from it to their ends, and its own
value is their mean score. With children, its value is the mean of its own and of theirs, weighted by visits. UCB chooses
the leaves that get `expand` steps. A step with a value of at least `sure` is finished by its rollouts. One below `doubt`
gets a single step after `reflect` instead. The tree stops at `correct` ends with a score of at least `sure`, at `most`
steps, or when every step is at its end. With process `outcome` scores are verdicts, and export `piece_labels` writes soft
labels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.methods import (
    ROOT,
    Growth,
    Tree,
    TreeNode,
    checked_count,
    checked_positive,
    checked_share,
    checked_text,
    votes_by_score,
)
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after


@dataclass(frozen=True, slots=True)
class RolloutTree:
    """Every finished answer votes with its score."""

    name = "rollout_tree"
    version = "1"
    expand: int = 3
    """Steps drawn from a leaf."""
    together: int = 4
    """Leaves expanded in a wave."""
    most: int = 60
    """Most steps of a tree, rollouts apart."""
    depth: int = 6
    """Greatest depth of a step."""
    c: float = 2.0
    """Weight of exploration."""
    correct: int = 4
    """Right ends at which the tree stops."""
    rollouts: int = 20
    """Rollouts of a step at depth 0; a step at depth d has this number divided by d + 1."""
    least_rollouts: int = 5
    """Fewest rollouts of a step."""
    sure: float = 0.9
    """Value from which a step is finished, and an end is right."""
    doubt: float = 0.5
    """Value below which the next step reflects."""
    reflect: str = "\nWait,"
    """Text before the step that reflects."""

    def __post_init__(self) -> None:
        for option in ("expand", "together", "most", "depth", "correct", "rollouts", "least_rollouts"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_positive("search policy", self.name, "c", self.c)
        for option in ("sure", "doubt"):
            checked_share("search policy", self.name, option, getattr(self, option))
        checked_text(self.name, "reflect", self.reflect)

    @property
    def texts(self) -> Mapping[str, str]:
        """The text before a step that reflects."""
        return {"wait": self.reflect}

    @property
    def longest(self) -> int:
        """0: it ends no answer."""
        return 0

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Steps from leaves, or a piece of each rollout under way."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return votes_by_score(tree)

    def rollouts_at(self, depth: int) -> int:
        """Rollouts of a step at a depth, from 1."""
        return max(self.rollouts // (depth + 1), self.least_rollouts)

    def procedure(self, past: PastWaves) -> Procedure:
        """Expansion and rollouts in turn."""
        grown = GrownSteps(self)
        growths = [Growth(ROOT, min(self.expand * self.together, self.most))]
        while growths:
            yield growths
            fresh = past.new
            grown.add(fresh)
            begun = {node.id: node for node in fresh if not node.finished}
            # Maps the last node of each rollout to the step whose value the rollout measures.
            under_way: dict[str, str] = {}
            if begun:
                yield [Growth(node.id, self.rollouts_at(node.depth)) for node in begun.values()]
                under_way = {node.id: node.parent for node in past.new}
            while under_way:
                pieces = {node.id: node for node in past.new}
                for node in pieces.values():
                    if node.finished:
                        grown.end(under_way.pop(node.id), node)
                if under_way:
                    yield [Growth(node, 1) for node in under_way]
                    under_way = {node.id: under_way[node.parent] for node in past.new}
            growths = grown.next()


@dataclass(slots=True)
class _Step:
    """A step of the tree: its node, the scores of its rollouts, its children, and the steps at and below it."""

    node: TreeNode
    scores: list[float] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    visits: int = 1  # the step itself
    reflected: bool = False


class GrownSteps:
    """The steps of a tree, apart from the nodes of their rollouts."""

    def __init__(self, policy: RolloutTree) -> None:
        self._policy = policy
        self.steps: dict[str, _Step] = {}
        self._roots: list[str] = []
        self.right = 0

    def add(self, nodes: Sequence[TreeNode]) -> None:
        """Take new steps; a finished one has its own score."""
        for node in nodes:
            self.steps[node.id] = _Step(node, [node.score] if node.finished else [])
            self.right += node.finished and node.score >= self._policy.sure
            (self._roots if node.parent == ROOT else self.steps[node.parent].children).append(node.id)
            at = node.parent
            while at != ROOT:
                self.steps[at].visits += 1
                at = self.steps[at].node.parent

    def end(self, step: str, node: TreeNode) -> None:
        """Take the end of a rollout of a step."""
        self.steps[step].scores.append(node.score)

    def own(self, step: str) -> float:
        """Mean score of a step's rollouts."""
        scores = self.steps[step].scores
        return math.fsum(scores) / len(scores) if scores else 0.0

    def value(self, step: str) -> float:
        """Mean of its own value and its children's visit-weighted value; its own value if it has no children."""
        children = [self.steps[child] for child in self.steps[step].children]
        if not children:
            return self.own(step)
        below = math.fsum(child.visits * self.value(child.node.id) for child in children)
        return (self.own(step) + below / sum(child.visits for child in children)) / 2

    def next(self) -> list[Growth]:
        """The next expansions; none where the tree stops."""
        policy, chosen = self._policy, list[Growth]()
        # A step that its rollouts finish counts as a right end, although it has no finished node.
        right = self.right + sum(self._finished_early(step) for step in self.steps)
        left = policy.most - len(self.steps)
        while right < policy.correct and left > 0 and len(chosen) < policy.together:
            leaf = self._leaf({growth.node for growth in chosen})
            if leaf is None:
                break
            reflects = self.value(leaf) < policy.doubt and not self.steps[leaf].reflected
            count = 1 if reflects else min(policy.expand, left)
            self.steps[leaf].reflected = self.steps[leaf].reflected or reflects
            chosen.append(Growth(leaf, count, "wait" if reflects else ""))
            left -= count
        return chosen

    def _finished_early(self, step: str) -> bool:
        """True for a step that its rollouts finish."""
        entry = self.steps[step]
        return not entry.node.finished and not entry.children and self.own(step) >= self._policy.sure

    def _leaf(self, taken: set[str]) -> str | None:
        """The leaf that UCB chooses; None if no leaf may be expanded."""
        open_steps: set[str] = set()
        # Steps are stored after their parents, so in reverse order a parent finds its open children marked.
        for step, entry in reversed(self.steps.items()):
            unfinished = not entry.node.finished and entry.node.depth < self._policy.depth
            leaf = unfinished and not entry.children and not self._finished_early(step) and step not in taken
            if leaf or any(child in open_steps for child in entry.children):
                open_steps.add(step)
        at, total = "", sum(self.steps[root].visits for root in self._roots)
        while options := [step for step in (self.steps[at].children if at else self._roots) if step in open_steps]:
            visits = self.steps[at].visits if at else total
            at = max(options, key=lambda step: self._ucb(step, visits))
        return at or None

    def _ucb(self, step: str, visits: int) -> float:
        return self.value(step) + self._policy.c * math.sqrt(math.log(visits) / self.steps[step].visits)
