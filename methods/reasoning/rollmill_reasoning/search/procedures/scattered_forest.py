"""Search policy `scattered_forest`: several trees of whole answers that are improved along different directions (Scattered
Forest Search, Light et al. 2024, arXiv:2411.05010).

Foresting: `seeds` answers are the roots of trees. Scattering: from an answer, `branch` directions of improvement are
written first, and each is followed by one new answer. Scouting: requests for directions show up to `insights` earlier
directions of all trees with their gains: those that gained most, and those that lost most. UCT over all trees chooses the
answer to improve next, until one has a score of `enough` or `most` answers are drawn.
"""

import math
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

DIRECTION = """{prompt}

An answer, and behind it directions in which others were improved, the most useful first and the least useful last:
{piece*}

Name one direction in which the first answer should be changed."""
REWRITE = """{prompt}

An answer, and before it, where one was written, the direction in which it is to be changed:
{piece*}

Write the whole changed answer."""


@dataclass(frozen=True, slots=True)
class ScatteredForest:
    """Finished answers vote with their scores. `branch` 1 without `scatter`: a line search in each tree."""

    name = "scattered_forest"
    version = "1"
    whole = True
    seeds: int = 3
    """Answers from which trees grow; 1 is a single tree."""
    branch: int = 3
    """Directions drawn from an answer."""
    most: int = 30
    """Most answers drawn."""
    enough: float = 1.0
    """Score at which the search ends."""
    c: float = 0.5
    """Weight of exploration."""
    scatter: bool = True
    """Write directions before answers."""
    insights: int = 2
    """Directions of all trees that are shown; 0 shows none."""
    direction: str = DIRECTION
    """Request for a direction, with `{prompt}` and `{piece*}`."""
    template: str = REWRITE
    """Request for a changed answer, with `{prompt}` and `{piece*}`."""

    def __post_init__(self) -> None:
        for option in ("seeds", "branch", "most"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_count("search policy", self.name, "insights", self.insights, least=0)
        checked_positive("search policy", self.name, "c", self.c)
        checked_share("search policy", self.name, "enough", self.enough)
        for option in ("direction", "template"):
            checked_question(self.name, option, getattr(self, option))

    @property
    def questions(self) -> Mapping[str, str]:
        """The requests for directions and for changed answers."""
        return {"direction": self.direction, "rewritten": self.template}

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Pieces of the first answers, directions for one answer, or new answers that follow such directions."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Each finished answer by its score."""
        return votes_by_score(tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """Improve one answer at a time."""
        yield [Growth(ROOT, min(self.seeds, self.most))]
        forest = Forest(self.c)
        for node in (yield from to_their_ends(past)):
            forest.plant(node)
        while forest.best < self.enough and len(forest.scores) < self.most:
            source, count = forest.choose(), min(self.branch, self.most - len(forest.scores))
            if self.scatter:
                yield [Growth(source, count, "direction", forest.insights(self.insights))]
                directions = list(past.new)
                yield [Growth(node.id, 1, "rewritten", (source,)) for node in directions]
                behind = {node.id: node.id for node in directions}
            else:
                yield [Growth(source, count, "rewritten")]
                behind = {}
            for node in past.new:
                forest.add(source, node, behind.get(node.parent, ""))


class Forest:
    """The answers of all trees. `scores`: score by answer. `best`: highest score. `gains`: gain by direction."""

    def __init__(self, c: float) -> None:
        self._c = c
        self.scores: dict[str, float] = {}
        self._parents: dict[str, str] = {}
        self._visits: dict[str, int] = {}
        self._totals: dict[str, float] = {}
        self.gains: dict[str, float] = {}

    @property
    def best(self) -> float:
        """The highest score so far."""
        return max(self.scores.values(), default=0.0)

    def plant(self, node: TreeNode) -> None:
        """Begin a tree."""
        self._take(node, "")

    def add(self, source: str, node: TreeNode, direction: str) -> None:
        """Add an answer written from `source`, and the gain of its direction."""
        self._take(node, source)
        if direction:
            self.gains[direction] = node.score - self.scores[source]

    def _take(self, node: TreeNode, parent: str) -> None:
        self.scores[node.id], self._parents[node.id] = node.score, parent
        self._visits[node.id], self._totals[node.id] = 0, 0.0
        at = node.id
        while at:
            self._visits[at] += 1
            self._totals[at] += node.score
            at = self._parents[at]

    def choose(self) -> str:
        """The answer with the highest mean score at and below it, with a bonus for few visits; of equal ones the first."""
        total = len(self.scores)
        return max(self.scores, key=lambda node: self._bound(node, total))

    def _bound(self, node: str, total: int) -> float:
        visits = self._visits[node]
        return self._totals[node] / visits + self._c * math.sqrt(math.log(total) / visits)

    def insights(self, count: int) -> tuple[str, ...]:
        """Directions of all trees: the greatest gains first, then the greatest losses."""
        order = sorted(self.gains, key=lambda direction: -self.gains[direction])
        useful = [direction for direction in order if self.gains[direction] > 0][: math.ceil(count / 2)]
        harmful = [direction for direction in order if self.gains[direction] < 0 and direction not in useful]
        return (*useful, *harmful[len(harmful) - min(len(harmful), count - len(useful)) :])
