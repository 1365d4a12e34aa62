"""What each arm of a recipe promises a problem: its chance to meet the target there, and the price of a new solution.

An arm's prior comes from the problems that went there, by level where enough of them did (pipelines.budget.beliefs). Those
are the problems that earlier arms did not finish, which is what the next one of their kind will be too. Prices are expected
tokens per new solution, times the arm's cost of a token. Knows counts; decides nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.budget.beliefs import Beliefs
from pipelines.protocols import ArmTally, Tally
from pipelines.stats.stopping_forecast import StoppingForecast

DIGITS = 9  # so many that no other processor's last digit decides anything


@dataclass(frozen=True, slots=True)
class Prospect:
    """A problem on an arm: its chance to meet the target within the cap, the price of a new solution, what they rest on."""

    chance: float
    price: float
    outlook: StoppingForecast | None = None

    def draws(self, reach: float) -> int:
        """The fewest draws that meet the target with this share of the chance."""
        return 1 if self.outlook is None else self.outlook.draws_for(reach)


@dataclass(slots=True)
class Prospects:
    """The arms as one round's tallies show them. `costs`: of a token by arm, 1 where it is not named."""

    tallies: Sequence[Tally]
    cap: int
    costs: Mapping[str, float] = field(default_factory=dict)
    _beliefs: dict[int, Beliefs] = field(default_factory=dict)
    _tokens: dict[tuple[int, int | None], tuple[int, int]] = field(default_factory=dict)
    _tried: dict[tuple[int, int | None], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there: dict[int, list[Tally]] = {}
        for tally in self.tallies:
            for place, arm in enumerate(arms_of(tally)):
                if arm.drawn:
                    there.setdefault(place, []).append(on_arm(tally, arm))
                    self._count(place, tally.level, arm)
        self._beliefs = {place: Beliefs(members, "level") for place, members in there.items()}

    def _count(self, place: int, level: int | None, arm: ArmTally) -> None:
        self._tried[place, level] = self._tried.get((place, level), 0) + 1
        for group in {level, None}:
            tokens, drawn = self._tokens.get((place, group), (0, 0))
            self._tokens[place, group] = tokens + arm.tokens, drawn + arm.drawn

    def tried(self, place: int, level: int | None) -> int:
        """How many problems of a level were drawn on this arm."""
        return self._tried.get((place, level), 0)

    def of(self, tally: Tally, place: int, missing: int) -> Prospect:
        """What this arm promises a problem that misses so many solutions; nothing where its cap is reached."""
        arm = arms_of(tally)[place]
        if self.cap <= arm.drawn or place not in self._beliefs:
            return Prospect(0.0, math.inf)
        ahead = self._beliefs[place].outlook(on_arm(tally, arm), missing, self.cap - arm.drawn)
        worth = ahead.worth()
        price = round(self._tokens_per_draw(tally, place) * self.costs.get(arm.name, 1.0) / worth, 6) if worth else math.inf
        return Prospect(round(ahead.chance, DIGITS), price, ahead)

    def _tokens_per_draw(self, tally: Tally, place: int) -> float:
        """The problem's own mean, before its first draw there that of its level or of all; 1 where nothing was counted."""
        arm = arms_of(tally)[place]
        known = [(arm.tokens, arm.drawn), *(self._tokens.get((place, group), (0, 0)) for group in (tally.level, None))]
        return next((tokens / drawn for tokens, drawn in known if tokens and drawn), 1.0)


def arms_of(tally: Tally) -> tuple[ArmTally, ...]:
    """The arms of a problem; where the recipe has none, its one way under the name ""."""
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


def on_arm(tally: Tally, arm: ArmTally) -> Tally:
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


def now_on(tally: Tally) -> int:
    """The place of the last arm that drew for a problem; arms are never gone back to."""
    return max(_drawn_on(tally), default=0)


def _drawn_on(tally: Tally) -> Iterator[int]:
    return (place for place, arm in enumerate(arms_of(tally)) if arm.drawn)
