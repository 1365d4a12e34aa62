"""Selector `all_correct`: every correct completion, copies included."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.select.decide import decisions, failing_reason
from storage.records import Decision, Rollout


@dataclass(frozen=True, slots=True)
class AllCorrect:
    """Keeps whatever is correct and complete, for pools in which frequency matters."""

    name = "all_correct"
    version = "1"

    def select(self, run: str, rollouts: Sequence[Rollout]) -> Iterator[Decision]:
        """One decision per rollout of one problem, in input order."""
        reasons = {rollout.completion.id: failing_reason(rollout) or "kept" for rollout in rollouts}
        return decisions(run, rollouts, (self.name, self.version), reasons)
