"""What more draws of one problem will bring, by its posterior: when the quota will be met, if ever. Knows counts only.

The pass rate has a beta prior (fitted to the problems by empirical Bayes, or Jeffreys), the variety of solutions a mixture
(pipelines.stats.variety). The number of correct answers among m further draws is beta-binomial; how many new solutions they
hold follows the urn. Posteriors steer; no number of a report comes from here (statistics.md, point 5).
"""

from dataclasses import dataclass, field

import numpy as np

from pipelines.stats.shrinkage import JEFFREYS, BetaPrior
from pipelines.stats.special import beta_quantile
from pipelines.stats.variety import Array, flat, new_solutions, variety_after


@dataclass(frozen=True, slots=True)
class Seen:
    """One problem's draws so far: judged ones, correct ones, different correct solutions."""

    judged: int = 0
    correct: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class Prior:
    """What the other problems say before this one is looked at."""

    rate: BetaPrior = JEFFREYS
    variety: Array = field(default_factory=flat)

    def after(self, seen: Seen) -> tuple[float, float]:
        """The parameters of the pass rate's beta posterior."""
        return self.rate.a + seen.correct, self.rate.b + seen.judged - seen.correct


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of m = 0, 1, ... further draws: the chance that the missing solutions are among them, and how many are expected.

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


def outlook(seen: Seen, missing: int, most: int, prior: Prior) -> Outlook:
    """What up to `most` further draws bring to a problem that misses `missing` >= 1 different solutions."""
    found = new_solutions(seen.correct, missing, most, variety_after(seen.distinct, seen.correct, prior.variety))
    met, news = found[:, missing], found @ np.arange(missing + 1.0)
    a, b = prior.after(seen)
    reach, gain = np.zeros(most + 1), np.zeros(most + 1)
    hits = np.ones(1)  # the chance of j correct among the further draws so far
    for m in range(most):
        right = (a + np.arange(m + 1)) / (a + b + m)
        grown = np.zeros(m + 2)
        grown[:-1] = hits * (1.0 - right)
        grown[1:] += hits * right
        hits = grown
        reach[m + 1], gain[m + 1] = hits @ met[: m + 2], hits @ news[: m + 2]
    return Outlook(reach, gain)


def rate_bounds(seen: Seen, prior: Prior, *, confidence: float = 0.95) -> tuple[float, float]:
    """The equal-tailed credible interval of the pass rate. Watched until it is narrow, it covers less than it says."""
    a, b = prior.after(seen)
    tail = (1.0 - confidence) / 2.0
    return beta_quantile(tail, a, b), beta_quantile(1.0 - tail, a, b)


def rate_ceiling(seen: Seen, prior: Prior, *, confidence: float = 0.95) -> float:
    """The pass rate that the posterior stays below with this confidence."""
    return beta_quantile(confidence, *prior.after(seen))
