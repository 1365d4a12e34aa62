"""Budget `passuntil`: draws until `passes` correct answers or the cap, to measure small rates.

PassUntil (Predicting Emergent Abilities with Infinite Resolution Evaluation) samples until the r-th pass at draw K and
takes r/K, which is too high by half at r = 3 and by a factor of 2 at r = 2: the stopping draw is a pass by choice. Path
counting is exact: (r - 1)/(K - 1), and c/N at the cap, where a problem keeps this value instead of 0
(rollmill.stats.draws.pass_rates). It stays exact in rounds as long as the rule looks at this problem's (drawn,
correct) and nothing else: so there is no `total`, solutions need not be distinct, and the sizes of rounds are a function of
the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.pipelines.budget.rounds import RoundLimits, draws_of, in_order, needed, prefix_round
from rollmill.pipelines.option_checks import checked_count
from rollmill.roles.tallies import RoundPlan, Stop, Tally


@dataclass(frozen=True, slots=True)
class PassUntil:
    """Until `passes` correct ones; stops with `target_met` or `trial_cap`. Undecided completions use up draws."""

    name = "passuntil"
    version = "1"
    estimator = "path_counting"
    reads_verdicts = True
    initial: int = 8
    """Completions of every problem in round 0."""
    passes: int = 4
    """Correct answers after which a problem stops."""
    cap: int = 64
    """Most completions of one problem."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        self.limits()

    def limits(self) -> RoundLimits:
        """The options, checked; SetupError on one that makes no sense."""
        checked_count("budget", self.name, "passes", self.passes)
        return RoundLimits(self.name, self.initial, self.passes, self.cap)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The draws and stops of one round, in order of problem id."""
        ordered = in_order(tallies)
        prefix = prefix_round(self.limits(), ordered)
        if prefix is not None:
            return prefix
        counts = {tally.problem_id: self.rule(tally.drawn, tally.correct) for tally in ordered}
        stops = []
        for tally in ordered:
            if not counts[tally.problem_id]:
                reason = "target_met" if tally.correct >= self.passes else "trial_cap"
                stops.append(Stop(tally.problem_id, reason, {"drawn": tally.drawn, "correct": tally.correct}))
        return RoundPlan(draws_of(ordered, counts), tuple(stops))

    def rule(self, drawn: int, correct: int) -> int:
        """Number to draw next after this many draws and correct ones; 0 stops. Path counting needs this rule."""
        if drawn < self.initial:
            return self.initial - drawn
        if correct >= self.passes or drawn >= self.cap:
            return 0
        return min(needed(self.passes - correct, correct, drawn), drawn, self.cap - drawn)
