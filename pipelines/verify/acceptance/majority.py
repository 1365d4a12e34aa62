"""Policy `majority`: what more than half of all verifiers say. Undecided ones are counted among all, so they cannot
make a minority win.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.verify.acceptance.policy import Over, ruling
from storage.records import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Majority(Over):
    """`correct` if more than half say so; refused if more than half say incorrect or unparsed; else `undecided`.

    A refusal is `incorrect` unless every refusing verifier found no answer (`unparsed`).
    """

    name = "majority"

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """A tie decides nothing."""
        outcomes = [verdict.outcome for verdict in verdicts]
        refusing = outcomes.count("incorrect") + outcomes.count("unparsed")
        outcome: Outcome = "undecided"
        if 2 * outcomes.count("correct") > len(outcomes):
            outcome = "correct"
        elif 2 * refusing > len(outcomes):
            outcome = "incorrect" if "incorrect" in outcomes else "unparsed"
        return ruling(self, verdicts, outcome)
