"""The two rules of budget `router`: what a problem does next, from its counts on every arm. Shares nothing out.

Both are pure functions of their options and the tallies; see pipelines.budget.router for what they are after. `difficulty`
forecasts each problem on each arm: its chance to meet the target there, and the price of a new solution. An arm's prior
comes from the problems that went there, by level where enough of them did. Those are the problems that earlier arms did not
finish, which is what the next one of their kind will be too. Prices are expected tokens per new solution, times the arm's
cost of a token.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.budget.priors import DIGITS, GroupPriors
from pipelines.stats.stopping_forecast import StoppingForecast
from pipelines.tallies import ArmTally, Stop, Tally
from storage.ids import digest128

REACH = 0.5  # a round asks for the draws that meet the target with half of the chance there is

Evidence = dict[str, int | float | str]


@dataclass(frozen=True, slots=True)
class Options:
    """The router's options that its rules read; `entry`: completions of a later arm for each problem that comes to it."""

    initial: int
    entry: int
    target: int
    cap: int
    hopeless: float
    pilot: int
    threshold: float
    salt: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one problem asks for: draws on an arm (`whole`: all or none of them), at an expected price of a solution."""

    tally: Tally
    place: int
    count: int
    whole: bool = False
    price: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """The problem waits a round for the pilots of its level."""

    tally: Tally


NextStep = Step | Stop | Wait


def arms_of(tally: Tally) -> tuple[ArmTally, ...]:
    """The arms of a problem; where the recipe has none, its only one under the name ""."""
    return tally.arms or (
        ArmTally(
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
    """The place of the last arm that drew for a problem; arms are never gone back to."""
    return max((place for place, arm in enumerate(tally.arms) if arm.drawn), default=0)


def _on_arm(tally: Tally, arm: ArmTally) -> Tally:
    """The problem as if this arm were all there is."""
    return Tally(
        problem_id=tally.problem_id,
        drawn=arm.drawn,
        correct=arm.correct,
        incorrect=arm.incorrect,
        unparsed=arm.unparsed,
        undecided=arm.undecided,
        distinct_correct=arm.distinct,
        level=tally.level,
        tokens=arm.tokens,
    )


@dataclass(frozen=True, slots=True)
class ArmForecast:
    """A problem on an arm: its chance to meet the target within the cap, the price of a new solution, what they rest on."""

    chance: float
    price: float
    forecast: StoppingForecast | None = None

    def draws(self, reach: float) -> int:
        """The fewest draws that meet the target with this share of the chance."""
        return 1 if self.forecast is None else self.forecast.draws_for(reach)


@dataclass(slots=True)
class ArmForecasts:
    """The arms as one round's tallies show them. `costs`: of a token by arm, 1 where it is not named."""

    tallies: Sequence[Tally]
    cap: int
    costs: Mapping[str, float] = field(default_factory=dict)
    _priors: dict[int, GroupPriors] = field(default_factory=dict)
    _tokens: dict[tuple[int, int | None], tuple[int, int]] = field(default_factory=dict)
    _tried: dict[tuple[int, int | None], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there: dict[int, list[Tally]] = {}
        for tally in self.tallies:
            for place, arm in enumerate(arms_of(tally)):
                if arm.drawn:
                    there.setdefault(place, []).append(_on_arm(tally, arm))
                    self._tried[place, tally.level] = self._tried.get((place, tally.level), 0) + 1
                    for group in {tally.level, None}:
                        tokens, drawn = self._tokens.get((place, group), (0, 0))
                        self._tokens[place, group] = tokens + arm.tokens, drawn + arm.drawn
        self._priors = {place: GroupPriors(members, "level") for place, members in there.items()}

    def tried(self, place: int, level: int | None) -> int:
        """How many problems of a level were drawn on this arm."""
        return self._tried.get((place, level), 0)

    def of(self, tally: Tally, place: int, missing: int) -> ArmForecast:
        """What this arm promises a problem that misses so many solutions; nothing where its cap is reached."""
        arm = arms_of(tally)[place]
        if self.cap <= arm.drawn or place not in self._priors:
            return ArmForecast(0.0, math.inf)
        [forecast] = self._priors[place].forecasts([(_on_arm(tally, arm), missing, self.cap - arm.drawn)])
        worth = forecast.worth()
        price = round(self._tokens_per_draw(tally, place) * self.costs.get(arm.name, 1.0) / worth, 6) if worth else math.inf
        return ArmForecast(round(forecast.chance, DIGITS), price, forecast)

    def _tokens_per_draw(self, tally: Tally, place: int) -> float:
        """The problem's own mean, before its first draw there that of its level or of all; 1 where nothing was counted."""
        arm = arms_of(tally)[place]
        known = [(arm.tokens, arm.drawn), *(self._tokens.get((place, group), (0, 0)) for group in (tally.level, None))]
        return next((tokens / drawn for tokens, drawn in known if tokens and drawn), 1.0)


def by_agreement(options: Options, tally: Tally) -> NextStep:
    """Stop where the arm's answers agree, else the next arm (ModelSwitch); the reference is not looked at."""
    place = current_place(tally)
    arm = arms_of(tally)[place]
    evidence: Evidence = {"arm": arm.name, "drawn": arm.drawn, "agreeing": arm.agreeing, "threshold": options.threshold}
    if arm.agreeing >= options.threshold * arm.drawn:
        return Stop(tally.problem_id, "agreed", evidence)
    if place + 1 == len(arms_of(tally)):
        return Stop(tally.problem_id, "trial_cap", evidence)
    return Step(tally, place + 1, options.entry, whole=True)


@dataclass(slots=True)
class ByDifficulty:
    """Draw where the next new solution is cheapest. `going`: the problems that were not stopped yet."""

    options: Options
    arms: ArmForecasts
    going: Sequence[Tally]
    _pilots: set[str] = field(default_factory=set)
    _waiting: set[tuple[int, int | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        groups: dict[tuple[int, int | None], list[Tally]] = {}
        for tally in self.going:
            if tally.distinct_correct < self.options.target and current_place(tally) + 1 < len(arms_of(tally)):
                groups.setdefault((current_place(tally) + 1, tally.level), []).append(tally)
        for (place, level), members in groups.items():
            lacking = self.options.pilot - self.arms.tried(place, level)
            if lacking > 0:
                self._waiting.add((place, level))
                shuffled = sorted(members, key=lambda tally: digest128(["pilot", tally.problem_id, self.options.salt]))
                self._pilots |= {tally.problem_id for tally in shuffled[:lacking]}

    def steps(self) -> list[NextStep]:
        """What each problem does next. Nobody waits for pilots that there are none of."""
        steps = [self._next(tally) for tally in self.going]
        if not any(isinstance(step, Step) for step in steps):
            self._waiting.clear()
            steps = [self._next(tally) for tally in self.going]
        return steps

    def _next(self, tally: Tally) -> NextStep:
        place, arms = current_place(tally), arms_of(tally)
        evidence: Evidence = {"arm": arms[place].name, "drawn": arms[place].drawn, "distinct": tally.distinct_correct}
        if tally.distinct_correct >= self.options.target:
            return Stop(tally.problem_id, "target_met", evidence)
        here = self._forecast(tally, place)
        given_up = here.chance < self.options.hopeless
        if place + 1 < len(arms):
            return self._next_or_more(tally, here, evidence, given_up=given_up)
        if arms[place].drawn >= self.options.cap:
            return Stop(tally.problem_id, "trial_cap", evidence)
        return self._given_up(tally, evidence, here) if given_up else self._more(tally, here)

    def _next_or_more(self, tally: Tally, here: ArmForecast, evidence: Evidence, *, given_up: bool) -> NextStep:
        after = current_place(tally) + 1
        there = self._forecast(tally, after)
        known = self.arms.tried(after, tally.level) > 0
        if given_up:
            name = arms_of(tally)[after].name
            doomed = known and there.chance < self.options.hopeless and after + 1 == len(arms_of(tally))
            facts = {**evidence, "next": name, "next_chance": there.chance}
            return self._given_up(tally, facts, here) if doomed else self._enter(tally, there.price)
        if (after, tally.level) in self._waiting:
            return self._enter(tally, there.price) if tally.problem_id in self._pilots else Wait(tally)
        return self._enter(tally, there.price) if known and there.price < here.price else self._more(tally, here)

    def continuation(self, tally: Tally) -> Step:
        """What a problem that was given up and goes on asks for: more of its arm, or the next one where that is used up."""
        place = current_place(tally)
        used_up = arms_of(tally)[place].drawn >= self.options.cap
        return self._enter(tally, 0.0) if used_up else self._more(tally, self._forecast(tally, place))

    def _enter(self, tally: Tally, price: float) -> Step:
        """The first draws on the next arm."""
        return Step(tally, current_place(tally) + 1, self.options.entry, whole=True, price=price)

    def _forecast(self, tally: Tally, place: int) -> ArmForecast:
        return self.arms.of(tally, place, self.options.target - tally.distinct_correct)

    def _more(self, tally: Tally, here: ArmForecast) -> Step:
        """More of the same arm: at most as many as it has drawn, so that a wrong prior is soon corrected."""
        place = current_place(tally)
        drawn = arms_of(tally)[place].drawn
        return Step(tally, place, max(1, min(here.draws(REACH), drawn, self.options.cap - drawn)), price=here.price)

    def _given_up(self, tally: Tally, evidence: Evidence, here: ArmForecast) -> Stop:
        correct = arms_of(tally)[current_place(tally)].correct
        facts: Evidence = {"correct": correct, "chance": here.chance, "threshold": self.options.hopeless}
        return Stop(tally.problem_id, "hopeless", {**evidence, **facts})
