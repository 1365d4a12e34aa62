"""The two rules of budget `router`: the next move of a problem, from its counts on every step. Shares nothing out.

Both are pure functions of their options and the tallies; rollmill.pipelines.budget.router explains their aims. `difficulty`
forecasts each problem on each step: its chance to meet the target there, and the price of a new solution. A step's prior
comes from the problems that reached it, by level if there are enough. Those are the problems that steps before did not
finish, which is what the next one of their kind will be too. Prices are expected tokens per new solution, times the step's
cost of a token.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.ids import digest128
from rollmill.pipelines.budget.priors import DIGITS, GroupPriors
from rollmill.roles.tallies import StepTally, Stop, Tally
from rollmill.stats.draws.stopping_forecast import StoppingForecast

REACH = 0.5  # a round asks for the draws that meet the target with half of the chance there is

Evidence = dict[str, int | float | str]


@dataclass(frozen=True, slots=True)
class RoutingOptions:
    """The router's options that its rules read."""

    rule: str = "difficulty"
    """Criterion that moves a problem to another step: `difficulty`, `agreement` or `profile`."""
    initial: int = 4
    """Completions of every problem in round 0: the fixed prefix that rates are read from."""
    entry: int | None = None
    """First completions of a problem on a later step; none: as many as `initial`."""
    target: int = 4
    """Distinct correct solutions after which a problem stops."""
    cap: int = 32
    """Most completions of one problem in one step."""
    hopeless: float = 0.05
    """Chance of meeting the target below which a problem moves on."""
    pilot: int = 8
    """Problems of each level that try the next step first."""
    threshold: float = 1.0
    """Share of equal answers at which a problem stops, for `agreement`."""
    token_price: float = 0.0
    """Pass rate that 1,000 tokens are worth, for `profile`."""
    salt: str = ""
    """Text that changes the pilots, the halves and the random holdout."""

    @property
    def entering(self) -> int:
        """First completions of a problem on a later step."""
        return self.initial if self.entry is None else self.entry


@dataclass(frozen=True, slots=True)
class Proposal:
    """A problem's request: draws on a step (`whole`: all or none of them), at an expected price of a solution."""

    tally: Tally
    place: int
    count: int
    whole: bool = False
    price: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """A problem's request to wait a round, for the pilots of its level."""

    tally: Tally


Next = Proposal | Stop | Wait


def steps_of(tally: Tally) -> tuple[StepTally, ...]:
    """The steps of a problem; if the recipe has none, its only one under the name ""."""
    return tally.steps or (
        StepTally(
            "",
            tally.drawn,
            tally.correct,
            tally.incorrect,
            tally.unparsed,
            tally.undecided,
            tally.distinct_correct,
            tally.tokens,
        ),
    )


def current_place(tally: Tally) -> int:
    """The place of the last step that drew for a problem; the router never goes back a step."""
    return max((place for place, step in enumerate(tally.steps) if step.drawn), default=0)


def _on_step(tally: Tally, step: StepTally) -> Tally:
    """The problem as if this step were all there is."""
    return Tally(
        problem_id=tally.problem_id,
        drawn=step.drawn,
        correct=step.correct,
        incorrect=step.incorrect,
        unparsed=step.unparsed,
        undecided=step.undecided,
        distinct_correct=step.distinct,
        level=tally.level,
        tokens=step.tokens,
    )


@dataclass(frozen=True, slots=True)
class StepForecast:
    """Forecast of a problem on a step: its chance to meet the target within the cap, and the price of a new solution."""

    chance: float
    price: float
    forecast: StoppingForecast | None = None

    def draws(self, reach: float) -> int:
        """The fewest draws after which the chance of having met the target is at least `reach` times `chance`."""
        return 1 if self.forecast is None else self.forecast.draws_for(reach)


@dataclass(slots=True)
class StepForecasts:
    """Forecasts of each step from one round's tallies. `costs`: cost of a token by step; 1 for a step that is absent."""

    tallies: Sequence[Tally]
    cap: int
    costs: Mapping[str, float] = field(default_factory=dict)
    _priors: dict[int, GroupPriors] = field(default_factory=dict)
    _tokens: dict[tuple[int, int | None], tuple[int, int]] = field(default_factory=dict)
    _tried: dict[tuple[int, int | None], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there: dict[int, list[Tally]] = {}
        for tally in self.tallies:
            for place, step in enumerate(steps_of(tally)):
                if step.drawn:
                    there.setdefault(place, []).append(_on_step(tally, step))
                    self._tried[place, tally.level] = self._tried.get((place, tally.level), 0) + 1
                    # A set: a problem without a level must not count twice in the group of all.
                    for group in {tally.level, None}:
                        tokens, drawn = self._tokens.get((place, group), (0, 0))
                        self._tokens[place, group] = tokens + step.tokens, drawn + step.drawn
        self._priors = {place: GroupPriors(members, "level") for place, members in there.items()}

    def tried(self, place: int, level: int | None) -> int:
        """Number of problems of a level that were drawn on this step."""
        return self._tried.get((place, level), 0)

    def of(self, tally: Tally, place: int, missing: int) -> StepForecast:
        """Forecast of this step for a problem that lacks so many solutions; empty if its cap is reached."""
        step = steps_of(tally)[place]
        if self.cap <= step.drawn or place not in self._priors:
            return StepForecast(0.0, math.inf)
        [forecast] = self._priors[place].forecasts([(_on_step(tally, step), missing, self.cap - step.drawn)])
        worth = forecast.worth()
        price = (
            round(self._tokens_per_draw(tally, place) * self.costs.get(step.name, 1.0) / worth, 6) if worth else math.inf
        )
        return StepForecast(round(forecast.chance, DIGITS), price, forecast)

    def _tokens_per_draw(self, tally: Tally, place: int) -> float:
        """The problem's own mean, before its first draw there that of its level or of all; 1 if nothing was counted."""
        step = steps_of(tally)[place]
        known = [(step.tokens, step.drawn), *(self._tokens.get((place, group), (0, 0)) for group in (tally.level, None))]
        return next((tokens / drawn for tokens, drawn in known if tokens and drawn), 1.0)


def by_agreement(options: RoutingOptions, tally: Tally) -> Next:
    """Stop if the step's answers agree, else the next step (ModelSwitch); the reference is not looked at."""
    place = current_place(tally)
    step = steps_of(tally)[place]
    evidence: Evidence = {"step": step.name, "drawn": step.drawn, "agreeing": step.agreeing, "threshold": options.threshold}
    if step.agreeing >= options.threshold * step.drawn:
        return Stop(tally.problem_id, "agreed", evidence)
    if place + 1 == len(steps_of(tally)):
        return Stop(tally.problem_id, "trial_cap", evidence)
    return Proposal(tally, place + 1, options.entering, whole=True)


@dataclass(slots=True)
class ByDifficulty:
    """Draw where the next new solution is cheapest. `going`: the problems that were not stopped yet."""

    options: RoutingOptions
    steps: StepForecasts
    going: Sequence[Tally]
    _pilots: set[str] = field(default_factory=set)
    _waiting: set[tuple[int, int | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        groups: dict[tuple[int, int | None], list[Tally]] = {}
        for tally in self.going:
            if tally.distinct_correct < self.options.target and current_place(tally) + 1 < len(steps_of(tally)):
                groups.setdefault((current_place(tally) + 1, tally.level), []).append(tally)
        for (place, level), members in groups.items():
            lacking = self.options.pilot - self.steps.tried(place, level)
            if lacking > 0:
                self._waiting.add((place, level))
                # By hash: the first ids of a level may be harder than the rest.
                shuffled = sorted(members, key=lambda tally: digest128(["pilot", tally.problem_id, self.options.salt]))
                self._pilots |= {tally.problem_id for tally in shuffled[:lacking]}

    def proposals(self) -> list[Next]:
        """Next move of each problem. Problems wait for pilots only while some pilot is drawn."""
        proposals = [self._next(tally) for tally in self.going]
        if not any(isinstance(proposal, Proposal) for proposal in proposals):
            # No pilot is drawn in this round, so nothing would end the wait.
            self._waiting.clear()
            proposals = [self._next(tally) for tally in self.going]
        return proposals

    def _next(self, tally: Tally) -> Next:
        place, steps = current_place(tally), steps_of(tally)
        evidence: Evidence = {"step": steps[place].name, "drawn": steps[place].drawn, "distinct": tally.distinct_correct}
        if tally.distinct_correct >= self.options.target:
            return Stop(tally.problem_id, "target_met", evidence)
        here = self._forecast(tally, place)
        given_up = here.chance < self.options.hopeless
        if place + 1 < len(steps):
            return self._next_or_more(tally, here, evidence, given_up=given_up)
        if steps[place].drawn >= self.options.cap:
            return Stop(tally.problem_id, "trial_cap", evidence)
        return self._given_up(tally, evidence, here) if given_up else self._more(tally, here)

    def _next_or_more(self, tally: Tally, here: StepForecast, evidence: Evidence, *, given_up: bool) -> Next:
        after = current_place(tally) + 1
        there = self._forecast(tally, after)
        known = self.steps.tried(after, tally.level) > 0
        if given_up:
            name = steps_of(tally)[after].name
            # Given up only if this and the last step are hopeless; a step in between leads on to others.
            doomed = known and there.chance < self.options.hopeless and after + 1 == len(steps_of(tally))
            facts = {**evidence, "next": name, "next_chance": there.chance}
            return self._given_up(tally, facts, here) if doomed else self._enter(tally, there.price)
        if (after, tally.level) in self._waiting:
            # Waiting also where this step is cheap: without pilots the price of the next one is not known.
            return self._enter(tally, there.price) if tally.problem_id in self._pilots else Wait(tally)
        return self._enter(tally, there.price) if known and there.price < here.price else self._more(tally, here)

    def continuation(self, tally: Tally) -> Proposal:
        """Request of a given-up problem that is drawn anyway: more of its step, or the next if that is used up."""
        place = current_place(tally)
        if steps_of(tally)[place].drawn >= self.options.cap:
            return self._enter(tally, self._forecast(tally, place + 1).price)
        return self._more(tally, self._forecast(tally, place))

    def _enter(self, tally: Tally, price: float) -> Proposal:
        """The first draws on the next step."""
        return Proposal(tally, current_place(tally) + 1, self.options.entering, whole=True, price=price)

    def _forecast(self, tally: Tally, place: int) -> StepForecast:
        return self.steps.of(tally, place, self.options.target - tally.distinct_correct)

    def _more(self, tally: Tally, here: StepForecast) -> Proposal:
        """More of the same step: at most as many as it has drawn, so that a wrong prior is soon corrected."""
        place = current_place(tally)
        drawn = steps_of(tally)[place].drawn
        return Proposal(tally, place, max(1, min(here.draws(REACH), drawn, self.options.cap - drawn)), price=here.price)

    def _given_up(self, tally: Tally, evidence: Evidence, here: StepForecast) -> Stop:
        correct = steps_of(tally)[current_place(tally)].correct
        facts: Evidence = {"correct": correct, "chance": here.chance, "threshold": self.options.hopeless}
        return Stop(tally.problem_id, "hopeless", {**evidence, **facts})
