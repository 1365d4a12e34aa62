"""Budget `fixed`: the same number of completions for every problem."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.option_checks import checked_count
from pipelines.tallies import Draw, RoundPlan, Stop, Tally


@dataclass(frozen=True, slots=True)
class Fixed:
    """`initial` completions for every problem in round 0, then every problem stops with `trial_cap`.

    A problem that came later, or with fewer draws than `initial`, is topped up.
    """

    name = "fixed"
    version = "1"
    estimator = "prefix"
    initial: int = 8

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        checked_count("budget", "fixed", "initial", self.initial)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """Draw what is missing up to `initial`; problems in order of their id."""
        ordered = sorted(tallies, key=lambda tally: tally.problem_id)
        draws = [Draw(t.problem_id, t.drawn, self.initial - t.drawn) for t in ordered if t.drawn < self.initial]
        stops = [Stop(t.problem_id, "trial_cap") for t in ordered if t.drawn >= self.initial]
        return RoundPlan(tuple(draws), tuple(stops))
