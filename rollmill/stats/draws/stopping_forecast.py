"""Stopping forecast: what more draws of one problem will bring, by its posterior, and when its quota will be met, if ever.

Budgets steer by it. The pass rate has a beta prior (fitted to the problems by empirical Bayes, or Jeffreys), the solution
diversity a mixture (rollmill.stats.draws.solution_diversity). The number of correct answers among m further draws
is beta-binomial; how many new solutions they hold follows the urn. Posteriors only steer; no reported number uses them
(statistics.md, point 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rollmill.stats.clusters.intervals import CONFIDENCE, beta_quantile
from rollmill.stats.draws.shrinkage import JEFFREYS, BetaPrior
from rollmill.stats.draws.solution_diversity import FLAT_THETAS, Array, new_solutions, thetas_after

TOGETHER = 512  # problems whose tables are made side by side


@dataclass(frozen=True, slots=True)
class DrawCounts:
    """Draws of a problem so far: judged ones, correct ones, different correct solutions."""

    judged: int = 0
    correct: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior of a problem from all others: of its pass rate, and of THETAS."""

    rate: BetaPrior = JEFFREYS
    diversity: Array = field(default_factory=lambda: FLAT_THETAS)

    def after(self, counts: DrawCounts) -> tuple[float, float]:
        """The parameters of the pass rate's beta posterior."""
        return self.rate.a + counts.correct, self.rate.b + counts.judged - counts.correct


@dataclass(frozen=True, slots=True)
class StoppingForecast:
    """Forecast for m = 0, 1, ... further draws: the chance that they hold the missing solutions, and the expected number.

    `gain` counts at most as many new solutions as are missing.
    """

    reach: Array
    gain: Array

    @property
    def chance(self) -> float:
        """The chance that the quota is met at all."""
        return float(self.reach[-1])

    @property
    def cost(self) -> float:
        """Draws expected until the quota is met or no more may be drawn."""
        return float((1.0 - self.reach[:-1]).sum())

    def draws_for(self, share: float) -> int:
        """The fewest draws that meet the quota with `share` of the chance that it is met at all; at least 1."""
        wanted = share * self.chance * (1.0 - 1e-12)  # so that no rounding of the last digit asks for one draw more
        return max(1, int(np.searchsorted(self.reach, wanted)))

    def worth(self) -> float:
        """Expected new solutions per draw, at the horizon where that is greatest; drawing ends when the quota is met."""
        spent = np.cumsum(1.0 - self.reach[:-1])
        return float((self.gain[1:] / spent).max()) if len(spent) else 0.0


class StoppingQuestion(NamedTuple):
    """A problem that misses `missing` >= 1 different solutions and may be drawn `most` times more."""

    counts: DrawCounts
    missing: int
    most: int
    prior: Prior


def stopping_forecasts(questions: Sequence[StoppingQuestion]) -> list[StoppingForecast]:
    """The forecast of each problem; computing many together takes a fraction of the time."""
    alike: dict[int, list[int]] = {}
    for place, question in enumerate(questions):
        alike.setdefault(question.missing, []).append(place)
    forecasts: dict[int, StoppingForecast] = {}
    for places in alike.values():
        places.sort(key=lambda place: questions[place].most)
        for start in range(0, len(places), TOGETHER):
            part = places[start : start + TOGETHER]
            forecasts |= zip(part, _side_by_side([questions[place] for place in part]), strict=True)
    return [forecasts[place] for place in range(len(questions))]


def _side_by_side(questions: Sequence[StoppingQuestion]) -> list[StoppingForecast]:
    """Problems that miss as many solutions. A shorter horizon is the beginning of a longer one."""
    missing, most = questions[0].missing, max(question.most for question in questions)
    weights = np.stack([thetas_after(q.counts.distinct, q.counts.correct, q.prior.diversity) for q in questions])
    table = new_solutions([question.counts.correct for question in questions], missing, most, weights)
    met = table[:, :, missing, None]  # a view: in a copy the products would be added in another order
    news = np.zeros((len(questions), most + 1, 1))
    for at, question in enumerate(questions):
        news[at, : question.most + 1, 0] = table[at, : question.most + 1] @ np.arange(missing + 1.0)
    a, b = np.array([question.prior.after(question.counts) for question in questions]).T[:, :, None]
    reach, gain = np.zeros((2, len(questions), most + 1))
    hits = np.ones((len(questions), 1))  # the chance of j correct among the further draws so far
    for m in range(most):
        right = (a + np.arange(m + 1)) / (a + b + m)
        grown = np.zeros((len(questions), m + 2))
        grown[:, :-1] = hits * (1.0 - right)
        grown[:, 1:] += hits * right
        hits = grown
        row = hits[:, None, :]
        reach[:, m + 1], gain[:, m + 1] = (row @ met[:, : m + 2])[:, 0, 0], (row @ news[:, : m + 2])[:, 0, 0]
    return [StoppingForecast(reach[at, : q.most + 1], gain[at, : q.most + 1]) for at, q in enumerate(questions)]


def rate_bounds(counts: DrawCounts, prior: Prior) -> tuple[float, float]:
    """The equal-tailed credible interval of the pass rate. Watched until it is narrow, it covers less than it says."""
    a, b = prior.after(counts)
    tail = (1.0 - CONFIDENCE) / 2.0
    return beta_quantile(tail, a, b), beta_quantile(1.0 - tail, a, b)


def rate_ceiling(counts: DrawCounts, prior: Prior) -> float:
    """The pass rate that the posterior stays below with a chance of 95%."""
    return beta_quantile(CONFIDENCE, *prior.after(counts))
