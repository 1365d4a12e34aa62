"""Budget `fixed`: the same number of completions for every problem."""

from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.pipelines.option_checks import checked_count
from rollmill.roles.tallies import Draw, RoundPlan, Stop, Tally
from rollmill.steps.graph import StepGraph


@dataclass(frozen=True, slots=True)
class Fixed:
    """`initial` completions for every problem in round 0, then every problem stops with `trial_cap`.

    A problem that came later, or with fewer draws than `initial`, is topped up.
    """

    name = "fixed"
    version = "1"
    estimator = "prefix"
    reads_verdicts = False
    initial: int = 8
    """Completions of every problem."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        checked_count("budget", "fixed", "initial", self.initial)

    def check_steps(self, graph: StepGraph) -> None:
        """SetupError if a step gathers more completions than a root has, so that no group would be complete."""
        for node in graph.follow_ups:
            parent = node.parents[0]
            if parent in graph.roots and node.step.gather > self.initial:
                raise SetupError(
                    f"step {node.step.name!r} gathers {node.step.gather} completions of step {parent!r}, which is drawn "
                    f"{self.initial} times: no group would be complete.",
                    next_command=f"gather: {self.initial}, or count: {node.step.gather} in step {parent!r}",
                )

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """Draw the missing completions up to `initial`; problems in order of their id."""
        ordered = sorted(tallies, key=lambda tally: tally.problem_id)
        draws = [Draw(t.problem_id, t.drawn, self.initial - t.drawn) for t in ordered if t.drawn < self.initial]
        stops = [Stop(t.problem_id, "trial_cap") for t in ordered if t.drawn >= self.initial]
        return RoundPlan(tuple(draws), tuple(stops))
