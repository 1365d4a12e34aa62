"""Policy `prefer`: the first verifier, in an order of your own, that decides; the others are judged beside it.

Unlike the plain chain every verifier judges every row, so that the order may be changed later without judging again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.verify.acceptance.policy import named, ruling, versioned
from storage.records import Verdict


@dataclass(frozen=True, slots=True)
class Prefer:
    """`order` lists verifiers, the most trusted first; those it leaves out follow in the recipe's order."""

    order: tuple[str, ...]
    name = "prefer"
    lazy = False
    over: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", named(self.name, "order", self.order))
        object.__setattr__(self, "over", named(self.name, "over", self.over))

    @property
    def version(self) -> str:
        """Version and options."""
        return versioned("1", order=self.order, over=self.over)

    def decide(self, verdicts: Sequence[Verdict]) -> Verdict:
        """The first that is not undecided; undecided where all are."""
        ranks = {name: rank for rank, name in enumerate(self.order)}
        ordered = sorted(verdicts, key=lambda verdict: ranks.get(verdict.verifier, len(ranks)))
        first = next((verdict for verdict in ordered if verdict.outcome != "undecided"), ordered[-1])
        return ruling(self, [first], first.outcome)
