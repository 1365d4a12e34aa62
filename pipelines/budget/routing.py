"""The two rules of budget `router`: what a problem does next, from its counts on every arm. Shares nothing out.

Both are pure functions of their options and the tallies; see pipelines.budget.router for what they are after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.budget.prospects import Prospect, Prospects, arms_of, now_on
from pipelines.protocols import Stop, Tally
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
class Waits:
    """The problem waits a round for the pilots of its level."""

    tally: Tally


Next = Step | Stop | Waits


def by_agreement(options: Options, tally: Tally) -> Next:
    """Stop where the arm's answers agree, else the next arm (ModelSwitch); the reference is not looked at."""
    place = now_on(tally)
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
    prospects: Prospects
    going: Sequence[Tally]
    _pilots: set[str] = field(default_factory=set)
    _waiting: set[tuple[int, int | None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        groups: dict[tuple[int, int | None], list[Tally]] = {}
        for tally in self.going:
            if tally.distinct_correct < self.options.target and now_on(tally) + 1 < len(arms_of(tally)):
                groups.setdefault((now_on(tally) + 1, tally.level), []).append(tally)
        for (place, level), members in groups.items():
            lacking = self.options.pilot - self.prospects.tried(place, level)
            if lacking > 0:
                self._waiting.add((place, level))
                by_lot = sorted(members, key=lambda tally: digest128(["pilot", tally.problem_id, self.options.salt]))
                self._pilots |= {tally.problem_id for tally in by_lot[:lacking]}

    def steps(self) -> list[Next]:
        """What each problem does next. Nobody waits for pilots that there are none of."""
        found = [self._next(tally) for tally in self.going]
        if not any(isinstance(one, Step) for one in found):
            self._waiting.clear()
            found = [self._next(tally) for tally in self.going]
        return found

    def _next(self, tally: Tally) -> Next:
        place, arms = now_on(tally), arms_of(tally)
        evidence: Evidence = {"arm": arms[place].name, "drawn": arms[place].drawn, "distinct": tally.distinct_correct}
        if tally.distinct_correct >= self.options.target:
            return Stop(tally.problem_id, "target_met", evidence)
        here = self._prospect(tally, place)
        given_up = here.chance < self.options.hopeless
        if place + 1 < len(arms):
            return self._next_or_more(tally, here, evidence, given_up=given_up)
        if arms[place].drawn >= self.options.cap:
            return Stop(tally.problem_id, "trial_cap", evidence)
        return self._given_up(tally, evidence, here) if given_up else self._more(tally, here)

    def _next_or_more(self, tally: Tally, here: Prospect, evidence: Evidence, *, given_up: bool) -> Next:
        after = now_on(tally) + 1
        there = self._prospect(tally, after)
        known = self.prospects.tried(after, tally.level) > 0
        if given_up:
            name = arms_of(tally)[after].name
            doomed = known and there.chance < self.options.hopeless and after + 1 == len(arms_of(tally))
            facts = {**evidence, "next": name, "next_chance": there.chance}
            return self._given_up(tally, facts, here) if doomed else self.enter(tally, there.price)
        if (after, tally.level) in self._waiting:
            return self.enter(tally, there.price) if tally.problem_id in self._pilots else Waits(tally)
        return self.enter(tally, there.price) if known and there.price < here.price else self._more(tally, here)

    def onward(self, tally: Tally) -> Step:
        """What a problem that was given up and goes on asks for: more of its arm, or the next one where that is used up."""
        place = now_on(tally)
        used_up = arms_of(tally)[place].drawn >= self.options.cap
        return self.enter(tally, 0.0) if used_up else self._more(tally, self._prospect(tally, place))

    def enter(self, tally: Tally, price: float) -> Step:
        """The first draws on the next arm."""
        return Step(tally, now_on(tally) + 1, self.options.entry, whole=True, price=price)

    def _prospect(self, tally: Tally, place: int) -> Prospect:
        return self.prospects.of(tally, place, self.options.target - tally.distinct_correct)

    def _more(self, tally: Tally, here: Prospect) -> Step:
        """More of the same arm: at most as many as it has drawn, so that a wrong belief is soon corrected."""
        place = now_on(tally)
        drawn = arms_of(tally)[place].drawn
        return Step(tally, place, max(1, min(here.draws(REACH), drawn, self.options.cap - drawn)), price=here.price)

    def _given_up(self, tally: Tally, evidence: Evidence, here: Prospect) -> Stop:
        correct = arms_of(tally)[now_on(tally)].correct
        facts: Evidence = {"correct": correct, "chance": here.chance, "threshold": self.options.hopeless}
        return Stop(tally.problem_id, "hopeless", {**evidence, **facts})
