"""Budget `sequential`: a Beta posterior per problem decides whether more draws are worth it.

After the prefix of `initial`, a problem stops

- `target_met`: it has `target` distinct correct solutions;
- `hopeless`: the posterior chance that it meets the target within `cap` is below `hopeless`, or (option) a kept solution
  is expected to cost more than `tokens_per_kept`. A share `explore` of such problems, by a hash of their id, is drawn
  anyway (`continued`): the share of those that meet the target is the rule's measured error;
- `known` (option `width`): its pass rate's 95% interval is narrower than `width`. Watched like this, the interval covers
  less than 95% (statistics.md, point 5): reports use the prefix;
- `trial_cap`, or `budget` where the `total` is spent.

Quotas are missed not only where p is small: a model that always gives the same solution meets no quota of two. So the
posterior is of the next NEW solution: pass rate (beta) times solution diversity, with priors fitted to the problems of the
same template, level or pool (rollmill.stats.draws.stopping_forecast). A round draws enough to reach the target
with at least `reach` times the attainable chance, and at most doubles the problem's draws, so that a wrong prior is soon
corrected. A `total` that does not suffice goes first to the problems with the most expected new solutions per token; the
others wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rollmill.pipelines.budget.priors import DIGITS, PRIORS, GroupPriors, draw_counts
from rollmill.pipelines.budget.rounds import (
    RoundLimits,
    draws_of,
    in_order,
    in_random_holdout,
    prefix_round,
    remaining_draws,
    stop_reason,
)
from rollmill.pipelines.option_checks import checked_choice, checked_share
from rollmill.roles.tallies import RoundPlan, Stop, Tally
from rollmill.stats.draws.stopping_forecast import StoppingForecast, rate_bounds, rate_ceiling


class _Case(NamedTuple):
    """A problem that met neither its target nor its cap, and its forecast."""

    tally: Tally
    forecast: StoppingForecast

    @property
    def worth(self) -> float:
        """Expected new solutions per token; per draw if no tokens were counted, so that draws are the cost."""
        tally = self.tally
        tokens = tally.tokens / tally.drawn if tally.drawn and tally.tokens else 1.0
        # A token brings far less than a draw, so its worth keeps more decimals than a chance.
        return round(self.forecast.worth() / tokens, DIGITS + 3)


@dataclass(frozen=True, slots=True)
class Sequential:
    """Budget that draws only while the expected gain is worth the cost; see the module. `salt` changes which of the
    hopeless ones continue.
    """

    name = "sequential"
    version = "1"
    estimator = "prefix"
    reads_verdicts = True
    initial: int = 4
    """Completions of every problem in round 0: the fixed prefix that rates are read from."""
    target: int = 4
    """Distinct correct solutions after which a problem stops."""
    cap: int = 64
    """Most completions of one problem."""
    total: int | None = None
    """Most completions of all problems together; none: no limit."""
    prior: str = "template"
    """Problems that share a prior: of one `template`, of one `level`, the whole `pool`; or `jeffreys` for a fixed
    prior."""
    hopeless: float = 0.01
    """Chance of meeting the target below which a problem stops."""
    reach: float = 0.5
    """Share of the attainable chance of meeting the target that the draws of one round must reach."""
    width: float | None = None
    """Width of the pass rate's interval at which a problem stops; none: no such rule."""
    tokens_per_kept: float | None = None
    """Most tokens that one kept solution may be expected to cost; none: no limit."""
    explore: float = 0.05
    """Share of hopeless problems that are drawn anyway, which measures the rule."""
    salt: str = ""
    """Text that changes which hopeless problems are drawn anyway."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        self.limits()
        checked_choice("budget", self.name, "prior", self.prior, PRIORS)
        for option in ("hopeless", "reach", "explore"):
            checked_share("budget", self.name, option, getattr(self, option))
        if self.width is not None:
            checked_share("budget", self.name, "width", self.width)

    def limits(self) -> RoundLimits:
        """The options that say how far rounds may go, checked."""
        return RoundLimits(self.name, self.initial, self.target, self.cap, self.total)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The draws and stops of one round, in order of problem id."""
        limits, ordered = self.limits(), in_order(tallies)
        prefix = prefix_round(limits, ordered)
        if prefix is not None:
            return prefix
        priors = GroupPriors(ordered, self.prior)
        going = [tally for tally in ordered if tally.stopped is None]
        stops = {t.problem_id: Stop(t.problem_id, why) for t in going if (why := stop_reason(limits, self.target, t))}
        stops |= {stop.problem_id: stop for t in going if t.problem_id not in stops and (stop := self._known(priors, t))}
        left = [tally for tally in going if tally.problem_id not in stops]
        questions = [(tally, self.target - tally.distinct_correct, self.cap - tally.drawn) for tally in left]
        cases = [_Case(tally, forecast) for tally, forecast in zip(left, priors.forecasts(questions), strict=True)]
        given_up = [stop for case in cases if (stop := self._hopeless(priors, case))]
        continued = tuple(stop for stop in given_up if in_random_holdout(stop.problem_id, self.salt, self.explore))
        stops |= {stop.problem_id: stop for stop in given_up if stop not in continued}
        counts = self._shared(
            [case for case in cases if case.tally.problem_id not in stops], remaining_draws(limits, ordered)
        )
        if counts is None:
            stops |= {t.problem_id: Stop(t.problem_id, "budget") for t in going if t.problem_id not in stops}
        return RoundPlan(draws_of(ordered, counts or {}), tuple(stops[key] for key in sorted(stops)), continued)

    def _known(self, priors: GroupPriors, tally: Tally) -> Stop | None:
        if self.width is None:
            return None
        low, high = rate_bounds(draw_counts(tally), priors.prior(tally))
        if high - low >= self.width:
            return None
        evidence = {**_counts(tally), "low": _digits(low), "high": _digits(high), "width": self.width}
        return Stop(tally.problem_id, "known", evidence)

    def _hopeless(self, priors: GroupPriors, case: _Case) -> Stop | None:
        """The stop of a problem that is not worth more draws, with the numbers behind it."""
        chance, worth, tally = _digits(case.forecast.chance), case.worth, case.tally
        # Multiplied, not divided: worth may be 0.
        dear = self.tokens_per_kept is not None and worth * self.tokens_per_kept < 1.0
        if chance >= self.hopeless and not dear:
            return None
        evidence: dict[str, int | float | str] = {
            **_counts(tally),
            "distinct": tally.distinct_correct,
            "chance": chance,
            "threshold": self.hopeless,
            "upper": _digits(rate_ceiling(draw_counts(tally), priors.prior(tally))),
        }
        if dear and self.tokens_per_kept is not None:
            evidence["tokens_per_kept"] = round(1.0 / worth, 1) if worth else "unbounded"
            evidence["most_tokens_per_kept"] = self.tokens_per_kept
        return Stop(tally.problem_id, "hopeless", evidence)

    def _shared(self, cases: Sequence[_Case], available: int | None) -> dict[str, int] | None:
        """Draws per problem of this round; None if the total is spent. Problems that a limited total cannot serve wait."""
        wishes = {
            case.tally.problem_id: min(case.forecast.draws_for(self.reach), case.tally.drawn, self.cap - case.tally.drawn)
            for case in cases
        }
        if available is None:
            return wishes
        if available == 0:
            return None
        counts: dict[str, int] = {}
        need = 0.0
        for case in sorted(cases, key=lambda case: (-case.worth, case.tally.problem_id)):
            left = available - sum(counts.values())
            # By the whole expected cost of a quota, not this round's draws: a total spread thin would meet no quota.
            if left == 0 or (counts and need + case.forecast.cost > available):
                break
            counts[case.tally.problem_id] = min(wishes[case.tally.problem_id], left)
            need += case.forecast.cost
        return counts


def _counts(tally: Tally) -> dict[str, int | float | str]:
    return {"drawn": tally.drawn, "judged": tally.judged, "correct": tally.correct}


def _digits(value: float) -> float:
    return round(value, DIGITS)
