"""Policy `any_of`: right if one verifier says so. For verifiers that each know other right answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.verify.acceptance.policy import Over, ruling
from storage.records import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class AnyOf(Over):
    """`correct` if any says correct, else `undecided` if any is, else `incorrect` if any says so, else `unparsed`.

    Its false accepts add up over the verifiers: `rollmill audit` before you trust it.
    """

    name = "any_of"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """An undecided verifier might have said correct, so without a yes the whole is undecided."""
        outcomes = {verdict.outcome for verdict in verdicts}
        order: tuple[Outcome, ...] = ("correct", "undecided", "incorrect", "unparsed")
        return ruling(self, verdicts, next(outcome for outcome in order if outcome in outcomes))
