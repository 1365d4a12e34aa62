"""Policy `first_decided`: the first verifier of the recipe that decides. What one leaves undecided goes to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from storage.records import Verdict


@dataclass(frozen=True, slots=True)
class FirstDecided:
    """The plain chain. The deciding verdict itself counts, under its verifier's name; all undecided: the last one's."""

    name = "first_decided"
    version = "1"
    lazy = True
    over: ClassVar[tuple[str, ...]] = ()

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The first verdict that is not undecided, else the last."""
        return next((verdict for verdict in verdicts if verdict.outcome != "undecided"), verdicts[-1])
