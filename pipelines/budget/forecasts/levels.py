"""Posteriors that problems of several levels share: pass rates borrowed between levels, and repeated solutions.

For everything that expects what a run will still draw: the posterior predictive, verdicts that come later, the time left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.hierarchy import Hierarchy
from rollmill.stats.draws.solution_diversity import LAWS, draw_laws

Level = int | None
Array = npt.NDArray[np.float64]
SolutionCounts = Sequence[tuple[Level, int, int]]
"""Counts of each seen problem: its level, its correct answers, and how many of these differ."""

RESAMPLED = 20  # priors of diversity
ALIKE = 0.7  # correlation over levels of what is not known of a template: one that is hard at a level is hard at the next


def nearness(level: Level, other: Level) -> float:
    """Weight of one level for another: neighbouring ones half, the next ones a quarter."""
    return 1.0 if level is None or other is None else 0.5 ** abs(level - other)


def share_evidence(levels: Sequence[tuple[Level, Hierarchy]]) -> None:
    """Share the evidence on how alike problems are between all levels, weighted by their nearness."""
    for level, mine in levels:
        mine.borrow([(nearness(level, other), theirs) for other, theirs in levels if theirs is not mine])


def priors_of_diversity(level: Level, counts: SolutionCounts) -> list[Array]:
    """RESAMPLED priors of diversity, one for each draw."""
    rng = np.random.default_rng(0 if level is None else 1 + abs(level))
    return [prior_of_diversity(level, counts, rng) for _ in range(RESAMPLED)]


def prior_of_diversity(level: Level, counts: SolutionCounts, rng: np.random.Generator) -> Array:
    """A prior of diversity, as weights of LAWS: few problems leave it open, so their weights are drawn (Bayesian
    bootstrap), and so is the mixture of laws that explains them.

    Other levels count by their nearness: with several right answers to few hard problems, a level alone says too little
    about the number of solutions. Level None: all alike.
    """
    near = np.array([nearness(level, other) for other, *_ in counts])
    different, correct = [d for *_, d in counts], [c for _, c, _ in counts]
    return draw_laws(different, correct, near * rng.exponential(size=len(counts)), rng)


@dataclass(slots=True)
class Urn:
    """Pitman-Yor urn: simulates which answers of a problem, correct or wrong, are new and which repeat an earlier one."""

    alpha: float
    theta: float
    drawn: int = 0
    distinct: int = 0

    def next(self, uniform: float) -> int:
        """The number of the next answer: a new number, or 1 for a repeated one."""
        new = uniform * (self.theta + self.drawn) < self.theta + self.alpha * self.distinct
        self.drawn += 1
        self.distinct += new
        return self.distinct if new else 1


def draw_urn(rng: np.random.Generator, ends: Array) -> Urn:
    """An urn of one of LAWS, by their cumulative weights."""
    alpha, theta = LAWS[min(len(LAWS) - 1, int((rng.random() > ends).sum()))].tolist()
    return Urn(alpha, theta)
