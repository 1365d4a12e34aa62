"""Budget `uniform`: DARS-Uniform of DART-Math (Tong et al., 2024, section 2.2). Knows counts, not difficulty.

Every problem is drawn until it has `target` distinct correct solutions, or `cap` trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.budget.rounds import Limits, plan_round
from pipelines.protocols import RoundPlan, Tally


@dataclass(frozen=True, slots=True)
class DarsUniform:
    """The same target for every problem; stops with `target_met`, `trial_cap` or `budget`."""

    name = "uniform"
    version = "1"
    estimator = "prefix"
    initial: int = 8
    target: int = 4
    cap: int = 64
    total: int | None = None

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        self.limits()

    def limits(self) -> Limits:
        """The options, checked; SetupError on one that makes no sense."""
        return Limits(self.name, self.initial, self.target, self.cap, self.total)

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """See pipelines.budget.rounds for the size of a round."""
        return plan_round(self.limits(), self.targets(tallies), tallies)

    def targets(self, tallies: Sequence[Tally]) -> dict[str, int]:
        """Distinct correct solutions wanted per problem."""
        return {tally.problem_id: self.target for tally in tallies}
