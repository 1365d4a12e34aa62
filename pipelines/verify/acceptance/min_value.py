"""Policy `min_value`: right if the share of tests passed is at least so much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.verify.acceptance.policy import named, ruling, versioned
from storage.records import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class MinValue:
    """Every verifier's share of tests passed is `least` or more. A verdict without a share counts as one test.

    `incorrect` if a share is less, else `unparsed` if a verifier found no answer, else `undecided` if one is, else
    `correct`.
    """

    least: float
    name = "min_value"
    lazy = False
    over: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.least, bool) or not isinstance(self.least, int | float) or not 0 < self.least <= 1:
            raise ValueError(f"option 'least' is {self.least!r}, and must be a share in (0, 1]")
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return versioned("1", least=self.least, over=self.over)

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The smallest share is the value of the whole; undecided and unparsed verdicts have none."""
        judged = [verdict for verdict in verdicts if verdict.outcome in ("correct", "incorrect")]
        outcomes = {verdict.outcome for verdict in verdicts}
        lowest = min((share(verdict) for verdict in judged), default=None)
        outcome: Outcome = "correct"
        if lowest is not None and lowest < self.least:
            outcome = "incorrect"
        elif "unparsed" in outcomes:
            outcome = "unparsed"
        elif "undecided" in outcomes:
            outcome = "undecided"
        return replace(ruling(self, verdicts, outcome), value=lowest, rule=f"value>={self.least}")


def share(verdict: Verdict) -> float:
    """The share of tests passed; of a plain yes or no 1 or 0."""
    return verdict.value if verdict.value is not None else float(verdict.outcome == "correct")
