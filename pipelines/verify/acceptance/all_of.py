"""Policy `all_of`: right only if every verifier says so. For verifiers that each see another kind of mistake."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.verify.acceptance.policy import Over, ruling
from storage.records import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class AllOf(Over):
    """`incorrect` if any says incorrect, else `unparsed` if any does, else `undecided` if any is, else `correct`."""

    name = "all_of"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """One refusal is enough, whatever the others could not decide."""
        outcomes = {verdict.outcome for verdict in verdicts}
        order: tuple[Outcome, ...] = ("incorrect", "unparsed", "undecided", "correct")
        return ruling(self, verdicts, next(outcome for outcome in order if outcome in outcomes))
