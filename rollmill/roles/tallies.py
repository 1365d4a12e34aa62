"""Input and output of a budget: the counts of each problem, and the draws and stops of a round.

Rounds make tallies of stored rows, simulations of drawn outcomes; a budget sees nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepTally:
    """Counts of a problem on one step of the recipe.

    `distinct`: its distinct correct solutions. `agreeing`: how many of its answers are the same, by canonical key, in the
    largest group; counted without the reference, an answer that cannot be read agrees with none.
    """

    name: str
    drawn: int = 0
    correct: int = 0
    incorrect: int = 0
    unparsed: int = 0
    undecided: int = 0
    distinct: int = 0
    tokens: int = 0
    agreeing: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of a problem after the committed rounds; the only input of a budget.

    `tokens`: the tokens_out of all drawn for it, 0 if the engine does not count. `steps`: the same by step, in the
    recipe's order; none if the recipe names none. `stopped`: the reason why it was stopped, if it was.
    `measured`: a number of the problem's meta, for a budget that names its key by `measure`.
    """

    problem_id: str
    drawn: int = 0
    correct: int = 0
    incorrect: int = 0
    unparsed: int = 0
    undecided: int = 0
    distinct_correct: int = 0
    level: int | None = field(default=None, kw_only=True)
    template: str | None = field(default=None, kw_only=True)
    tokens: int = field(default=0, kw_only=True)
    stopped: str | None = field(default=None, kw_only=True)
    measured: float | None = field(default=None, kw_only=True)
    steps: tuple[StepTally, ...] = field(default=(), kw_only=True)

    @property
    def judged(self) -> int:
        """correct + incorrect + unparsed: the denominator of a pass rate."""
        return self.correct + self.incorrect + self.unparsed


@dataclass(frozen=True, slots=True)
class PrefixTally(Tally):
    """A tally with separate counts of the verdicts of the fixed prefix (sample indices 0 .. n0-1).

    A pool drawn until enough answers are correct is data, not a measurement: its pass rate is biased upwards for hard
    problems. Difficulty is therefore read from the prefix only, and stays constant in every later round.
    """

    prefix_judged: int = 0
    prefix_correct: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """Draw `count` more completions of a problem, from sample index `first_index` on.

    `step` names the recipe's step to draw on, "" its `generate` if it has none; indices count from 0 on each step.
    `after`: the completions that a follow-up follows, in the order of its parents; indices count from 0 for each of them.
    """

    problem_id: str
    first_index: int
    count: int
    step: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """Draw no more for a problem, the reason (rollmill.pipelines.budget.STOP_REASONS) and the numbers it rests on."""

    problem_id: str
    reason: str
    evidence: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Decision of a budget for one round. No draws means the run is done drawing.

    `continued`: given-up problems that are drawn anyway, chosen at random, to measure the rule's error.
    """

    draws: tuple[Draw, ...]
    stops: tuple[Stop, ...] = ()
    continued: tuple[Stop, ...] = ()
