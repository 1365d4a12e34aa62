"""Budget `router`: which step of the recipe draws for a problem, and when it moves on to the next.

Steps are tried in the recipe's order, the first one with `initial` completions of every problem (the fixed prefix), each
later one with `entry` of the problems that reach it; the router never goes back a step. What moves a problem on is the
`rule`.

`difficulty` (after EconProver, which reasons at length only where a short form fails): until a problem has `target`
distinct correct solutions, over all steps, it is drawn where the next new solution is expected to cost the fewest tokens,
at most `cap` completions a step. It moves on when the next step is cheaper, or when its own will hardly meet the target
within the cap (chance below `hopeless`). What the next step costs is learned from the problems that went there: `pilot` of
each level, by a hash of their id, go first and the others of the level wait a round for them. A problem stops with
`target_met`, `hopeless` (this step and the last one; a share `explore` is drawn anyway, which measures the rule),
`trial_cap` or `budget`.

`agreement` (ModelSwitch): `initial` answers of the first step; where at least the share `threshold` of them are the same,
by canonical key, the problem stops as `agreed`, else the next step is asked; after the last one it stops with `trial_cap`.
No reference is looked at. The result is a vote over all answers (rollmill.stats.draws.vote).

`profile` (after Capability Instruction Tuning): half of the problems, by hash, are drawn `entry` times on every step, which
makes a profile of each. Each other problem then goes to the step with the largest chance less `token_price` times its
thousands of tokens (rollmill.pipelines.budget.profiles), and stops as `routed`. A share `explore` of them is drawn on every
step, which measures the chances.

Tokens of different steps may have different prices: `token_cost` gives a step's, relative to 1. A `total` counts draws over
all steps; where it does not suffice, the cheapest expected solutions come first, and an entry is drawn whole or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.profiles.profile_routing import ByProfile
from rollmill.pipelines.budget.rounds import (
    RoundLimits,
    in_order,
    in_random_holdout,
    prefix_round,
    remaining_draws,
)
from rollmill.pipelines.budget.routing import (
    ByDifficulty,
    Next,
    Proposal,
    RoutingOptions,
    StepForecasts,
    Wait,
    by_agreement,
    steps_of,
)
from rollmill.pipelines.option_checks import checked_choice, checked_count, checked_share
from rollmill.roles.tallies import Draw, RoundPlan, Stop, Tally
from rollmill.steps.graph import StepGraph

RULES = ("difficulty", "agreement", "profile")
_READ_BY = {
    "difficulty": ("target", "cap", "pilot", "hopeless", "explore", "token_cost"),
    "agreement": ("threshold",),
    "profile": ("explore", "token_cost", "token_price"),
}


@dataclass(frozen=True, slots=True)
class Router(RoutingOptions):
    """See the module."""

    name = "router"
    version = "2"
    estimator = "prefix"
    reads_verdicts = True
    routes = True
    total: int | None = None
    """Most completions of all problems together; none: no limit."""
    explore: float = 0.05
    """Share of hopeless problems that are drawn anyway, or on every step, which measures the rule."""
    token_cost: Mapping[str, float] | None = None
    """Cost of a token of each step, relative to 1."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        checked_choice("budget", self.name, "rule", self.rule, RULES)
        self._check_only_this_rules()
        self.limits()
        checked_count("budget", self.name, "pilot", self.pilot, least=0)
        if self.entry is not None:
            checked_count("budget", self.name, "entry", self.entry)
        if self.rule == "difficulty":
            checked_count("budget", self.name, "cap", self.cap, least=self.entering)
        for option in ("hopeless", "explore", "threshold"):
            checked_share("budget", self.name, option, getattr(self, option))
        if self.token_price < 0:
            raise SetupError(f"budget {self.name!r}: token_price is {self.token_price}, and must be at least 0.")
        self._check_costs()

    def limits(self) -> RoundLimits:
        """The options that say how far rounds may go, checked."""
        # The other rules have no cap; `initial` is the least one that RoundLimits accepts.
        cap = self.cap if self.rule == "difficulty" else self.initial
        return RoundLimits(self.name, self.initial, self.target, cap, self.total)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The draws of one round step by step, and the stops, each in order of problem id."""
        limits, ordered = self.limits(), in_order(tallies)
        if ordered:
            self._check_names([step.name for step in steps_of(ordered[0])])
        prefix = prefix_round(limits, ordered)
        if prefix is not None:
            first = steps_of(ordered[0])[0].name
            return RoundPlan(tuple(Draw(draw.problem_id, draw.first_index, draw.count, first) for draw in prefix.draws))
        going = [tally for tally in ordered if tally.stopped is None]
        if self.rule == "agreement":
            return _shared([by_agreement(self, tally) for tally in going], (), remaining_draws(limits, ordered))
        if self.rule == "profile":
            proposals = ByProfile(self, ordered, self.token_cost or {}, self.explore).proposals(going)
            return _shared(proposals, (), remaining_draws(limits, ordered))
        rule = ByDifficulty(self, StepForecasts(ordered, self.cap, self.token_cost or {}), going)
        proposals, continued = self._with_holdout(rule)
        return _shared(proposals, continued, remaining_draws(limits, ordered))

    def _with_holdout(self, rule: ByDifficulty) -> tuple[list[Next], tuple[Stop, ...]]:
        """Next move of each problem, and the stops of given-up problems that are drawn anyway."""
        proposals = rule.proposals()
        hopeless = [proposal for proposal in proposals if isinstance(proposal, Stop) and proposal.reason == "hopeless"]
        holdout = {
            stop.problem_id: stop for stop in hopeless if in_random_holdout(stop.problem_id, self.salt, self.explore)
        }
        others = [proposal for proposal in proposals if not (isinstance(proposal, Stop) and proposal.problem_id in holdout)]
        continued = [rule.continuation(tally) for tally in rule.going if tally.problem_id in holdout]
        return [*others, *continued], tuple(holdout.values())

    def _check_only_this_rules(self) -> None:
        """SetupError for an option that the rule does not read: it would change nothing."""
        for option in fields(self):
            others = [rule for rule in RULES if option.name in _READ_BY[rule]]
            if others and self.rule not in others and getattr(self, option.name) != option.default:
                raise SetupError(
                    f"budget {self.name!r}: option {option.name!r} belongs to rule {others[0]!r}, not {self.rule!r}."
                )

    def _check_costs(self) -> None:
        for name, cost in (self.token_cost or {}).items():
            # True is an int to Python, and `not cost > 0` refuses NaN too.
            if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not cost > 0:
                raise SetupError(f"budget {self.name!r}: token_cost of {name!r} is {cost!r}, and must be greater than 0.")

    def check_steps(self, graph: StepGraph) -> None:
        """SetupError if the recipe has fewer than two roots to choose between, or `token_cost` names an unknown one."""
        if len(graph.roots) < 2:
            raise SetupError(
                f"budget {self.name!r} chooses between steps that follow nothing, and the recipe has one.",
                next_command="steps: [{name: short, max_tokens: 64}, {name: long, temperature: 0.7}]",
            )
        self._check_names(graph.roots)

    def _check_names(self, known: Sequence[str]) -> None:
        for name in self.token_cost or ():
            if name not in known:
                raise SetupError(f"budget {self.name!r}: token_cost names {name!r}, which is not a step.", choices=known)


def _shared(proposed: Sequence[Next], continued: tuple[Stop, ...], left: int | None) -> RoundPlan:
    """The proposals that the total allows, cheapest solutions first; if it allows none, every other problem stops."""
    stops = [proposal for proposal in proposed if isinstance(proposal, Stop)]
    proposals = [proposal for proposal in proposed if isinstance(proposal, Proposal)]
    counts: list[tuple[Proposal, int]] = []
    for proposal in sorted(proposals, key=lambda proposal: (proposal.price, proposal.tally.problem_id)):
        count = proposal.count if left is None else min(proposal.count, left)
        # Part of an entry measures nothing; a smaller proposal later in the order may still fit.
        if count and (count == proposal.count or not proposal.whole):
            counts.append((proposal, count))
            left = None if left is None else left - count
    # Who waits for pilots stops too: without a draw there is nothing to wait for.
    if not counts:
        stops += [
            Stop(proposal.tally.problem_id, "budget") for proposal in proposed if isinstance(proposal, Proposal | Wait)
        ]
    counts.sort(key=lambda item: (item[0].place, item[0].tally.problem_id))
    draws = []
    for proposal, count in counts:
        step = steps_of(proposal.tally)[proposal.place]
        draws.append(Draw(proposal.tally.problem_id, step.drawn, count, step.name))
    return RoundPlan(tuple(draws), tuple(sorted(stops, key=lambda stop: stop.problem_id)), continued)
