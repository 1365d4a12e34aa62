"""What more draws of one problem will bring, by its posterior: when the quota will be met, if ever. Knows counts only.

The pass rate has a beta prior (fitted to the problems by empirical Bayes, or Jeffreys), the variety of solutions a mixture
(pipelines.stats.variety). The number of correct answers among m further draws is beta-binomial; how many new solutions they
hold follows the urn. Posteriors steer; no number of a report comes from here (statistics.md, point 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipelines.stats.shrinkage import JEFFREYS, BetaPrior
from pipelines.stats.special import beta_quantile
from pipelines.stats.variety import Array, flat, new_solutions, variety_after

TOGETHER = 512  # problems whose tables are made side by side


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


class Ahead(NamedTuple):
    """A problem that misses `missing` >= 1 different solutions and may be drawn `most` times more."""

    seen: Seen
    missing: int
    most: int
    prior: Prior


def outlook(seen: Seen, missing: int, most: int, prior: Prior) -> Outlook:
    """What up to `most` further draws bring to a problem that misses `missing` >= 1 different solutions."""
    return outlooks([Ahead(seen, missing, most, prior)])[0]


def outlooks(asked: Sequence[Ahead]) -> list[Outlook]:
    """The outlook of each problem, which is that of `outlook`; many at once take a fraction of the time."""
    alike: dict[int, list[int]] = {}
    for place, one in enumerate(asked):
        alike.setdefault(one.missing, []).append(place)
    found: dict[int, Outlook] = {}
    for places in alike.values():
        places.sort(key=lambda place: asked[place].most)
        for start in range(0, len(places), TOGETHER):
            part = places[start : start + TOGETHER]
            found |= zip(part, _together([asked[place] for place in part]), strict=True)
    return [found[place] for place in range(len(asked))]


def _together(asked: Sequence[Ahead]) -> list[Outlook]:
    """Problems that miss as many solutions. A shorter horizon is the beginning of a longer one."""
    missing, most = asked[0].missing, max(one.most for one in asked)
    weights = np.stack([variety_after(one.seen.distinct, one.seen.correct, one.prior.variety) for one in asked])
    found = new_solutions([one.seen.correct for one in asked], missing, most, weights)
    met = found[:, :, missing, None]  # a view: in a copy the products would be added in another order
    news = np.zeros((len(asked), most + 1, 1))
    for at, one in enumerate(asked):
        news[at, : one.most + 1, 0] = found[at, : one.most + 1] @ np.arange(missing + 1.0)
    a, b = np.array([one.prior.after(one.seen) for one in asked]).T[:, :, None]
    reach, gain = np.zeros((2, len(asked), most + 1))
    hits = np.ones((len(asked), 1))  # the chance of j correct among the further draws so far
    for m in range(most):
        right = (a + np.arange(m + 1)) / (a + b + m)
        grown = np.zeros((len(asked), m + 2))
        grown[:, :-1] = hits * (1.0 - right)
        grown[:, 1:] += hits * right
        hits = grown
        row = hits[:, None, :]
        reach[:, m + 1], gain[:, m + 1] = (row @ met[:, : m + 2])[:, 0, 0], (row @ news[:, : m + 2])[:, 0, 0]
    return [Outlook(reach[at, : one.most + 1], gain[at, : one.most + 1]) for at, one in enumerate(asked)]


def rate_bounds(seen: Seen, prior: Prior, *, confidence: float = 0.95) -> tuple[float, float]:
    """The equal-tailed credible interval of the pass rate. Watched until it is narrow, it covers less than it says."""
    a, b = prior.after(seen)
    tail = (1.0 - confidence) / 2.0
    return beta_quantile(tail, a, b), beta_quantile(1.0 - tail, a, b)


def rate_ceiling(seen: Seen, prior: Prior, *, confidence: float = 0.95) -> float:
    """The pass rate that the posterior stays below with this confidence."""
    return beta_quantile(confidence, *prior.after(seen))
