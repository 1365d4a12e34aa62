"""Error rate of a rule that gives problems up, measured on the random holdout that is drawn anyway.

The holdout is a random share of all given-up problems (by a hash of their ids), and each is drawn up to its cap: the share
of them that meets the target estimates that share of all problems given up, with an exact interval. A problem that the
spent total stopped before its cap might have met the target or not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rollmill.stats.clusters.intervals import Estimate, clopper_pearson

CONTINUED = "continued"
STOPPED = "hopeless"
MET = "target_met"
CUT = "budget"


@dataclass(frozen=True, slots=True)
class RuleErrorCounts:
    """Counts of problems that a rule gave up. `stopped`: no more draws; `continued`: drawn on as a holdout. Of the latter
    `ended` have stopped since, `met` of these with their target and `cut` because the total was spent.
    """

    stopped: int
    continued: int
    ended: int
    met: int
    cut: int

    @property
    def error(self) -> Estimate | None:
        """The share given up wrongly, Clopper-Pearson; None if no problem of the holdout has ended.

        As if no `cut` problem would have met its target; for the upper end as if all would have.
        """
        estimand = "share of the problems given up that would meet their target"
        least = clopper_pearson(self.met, self.ended, estimand=estimand)
        most = clopper_pearson(self.met + self.cut, self.ended, estimand=estimand)
        return None if least is None or most is None else replace(least, high=most.high)

    def row(self) -> dict[str, int | float | None]:
        """The record as JSON values."""
        error = self.error
        return {
            "stopped": self.stopped,
            "continued": self.continued,
            "ended": self.ended,
            "met": self.met,
            "cut": self.cut,
            "error": None if error is None else error.value,
            "low": None if error is None else error.low,
            "high": None if error is None else error.high,
        }


def rule_error_counts(stops: Iterable[tuple[str, str]]) -> RuleErrorCounts:
    """From the (problem id, reason) of every stop and every continuation of one run."""
    reasons: dict[str, set[str]] = {}
    for problem_id, reason in stops:
        reasons.setdefault(problem_id, set()).add(reason)
    holdout = [given - {CONTINUED} for given in reasons.values() if CONTINUED in given]
    return RuleErrorCounts(
        stopped=sum(STOPPED in given and CONTINUED not in given for given in reasons.values()),
        continued=len(holdout),
        ended=sum(bool(given) for given in holdout),
        met=sum(MET in given for given in holdout),
        cut=sum(CUT in given for given in holdout),
    )
