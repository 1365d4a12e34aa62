"""How often a rule that gives problems up is wrong, by those that go on at random all the same. Knows reasons, no budget.

The problems that go on are a random share of all given up (by a hash of their ids), and each goes on to its cap: the share
of them that meets the target estimates that share of all problems given up, with an exact interval.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate

CONTINUED = "continued"
STOPPED = "hopeless"
MET = "target_met"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """`stopped` were given up and stopped, `continued` given up and drawn on; of the latter `ended` have stopped since,
    `met` of these with their target.
    """

    stopped: int
    continued: int
    ended: int
    met: int

    @property
    def error(self) -> Estimate | None:
        """The share given up wrongly, Clopper-Pearson; None where none that went on has ended."""
        return clopper_pearson(self.met, self.ended, estimand="share of the problems given up that would meet their target")

    def row(self) -> dict[str, int | float | None]:
        """As JSON values."""
        error = self.error
        return {
            "stopped": self.stopped,
            "continued": self.continued,
            "ended": self.ended,
            "met": self.met,
            "error": None if error is None else error.value,
            "low": None if error is None else error.low,
            "high": None if error is None else error.high,
        }


def given_up(stops: Iterable[tuple[str, str]]) -> GivenUp:
    """From (problem id, reason) of everything that was said of problems of one run."""
    reasons: dict[str, set[str]] = {}
    for problem_id, reason in stops:
        reasons.setdefault(problem_id, set()).add(reason)
    went_on = [said - {CONTINUED} for said in reasons.values() if CONTINUED in said]
    return GivenUp(
        stopped=sum(STOPPED in said and CONTINUED not in said for said in reasons.values()),
        continued=len(went_on),
        ended=sum(bool(said) for said in went_on),
        met=sum(MET in said for said in went_on),
    )
