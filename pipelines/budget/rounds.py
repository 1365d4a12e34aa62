"""Drawing in rounds towards a number of distinct correct solutions per problem: what the adaptive budgets share.

Knows targets and counts; not how a target came about, and nothing of texts, batches or the workspace.

Round 0 draws `initial` completions of every problem: the fixed prefix, drawn before any verdict, on which metrics may rest.
Every later round of the DARS budgets asks for what the smoothed rate of distinct correct answers says is still needed,

    ceil(missing / ((distinct_correct + 1/2) / (drawn + 1)))

but never more than the problem has drawn already (a round at most doubles it, so one unlucky prefix cannot spend the cap),
nor past `cap`, nor past the recipe's `total`. A limited total is shared in proportion to the wishes, exactly
(allocation.allot). Reference code of DART-Math tests `n_corrects > min_n_corrects`, so it draws one correct answer too
many, and calls success `max_n_corrects`; here a problem stops when it HAS its target, and the reason says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.budget.allocation import allot, checked_count
from pipelines.protocols import Draw, RoundPlan, Stop, Tally
from storage.errors import SetupError


@dataclass(frozen=True, slots=True)
class Limits:
    """How far rounds may go: the prefix, the trial cap per problem, the optional total over all problems."""

    budget: str
    initial: int
    target: int
    cap: int
    total: int | None = None

    def __post_init__(self) -> None:
        for option in ("initial", "target"):
            checked_count(self.budget, option, getattr(self, option))
        checked_count(self.budget, "cap", self.cap, least=self.initial)
        if self.total is not None:
            checked_count(self.budget, "total", self.total)


def plan_round(limits: Limits, targets: Mapping[str, int], tallies: Sequence[Tally]) -> RoundPlan:
    """The draws and stops of one round of a DARS budget, in order of problem id; a pure function of its arguments."""
    ordered = in_order(tallies)
    prefix = prefix_round(limits, ordered)
    if prefix is not None:
        return prefix
    available = left_of_total(limits, ordered)
    stops = {t.problem_id: reason for t in ordered if (reason := stop_reason(limits, targets[t.problem_id], t))}
    wishes = {t.problem_id: _wish(limits, targets[t.problem_id], t) for t in ordered if t.problem_id not in stops}
    if available == 0:
        stops |= dict.fromkeys(wishes, "budget")
        wishes = {}
    counts = wishes if available is None else allot(wishes, available)
    return RoundPlan(draws_of(ordered, counts), tuple(Stop(key, stops[key]) for key in sorted(stops)))


def in_order(tallies: Sequence[Tally]) -> list[Tally]:
    """By problem id: no plan depends on the order in which tallies come."""
    return sorted(tallies, key=lambda tally: tally.problem_id)


def prefix_round(limits: Limits, ordered: Sequence[Tally]) -> RoundPlan | None:
    """The round that completes the prefix of every problem; None once it is complete.

    The prefix is never cut short, half a prefix measures nothing: SetupError where `total` does not cover it.
    """
    missing = {t.problem_id: limits.initial - t.drawn for t in ordered if t.drawn < limits.initial}
    if not missing:
        return None
    available, needed = left_of_total(limits, ordered), sum(missing.values())
    if available is not None and needed > available:
        raise SetupError(
            f"budget {limits.budget!r}: total {limits.total} does not cover initial {limits.initial} for every problem "
            f"({needed} more are needed, {available} are left).",
            next_command="rollmill recipe check RECIPE",
        )
    return RoundPlan(draws_of(ordered, missing))


def left_of_total(limits: Limits, tallies: Sequence[Tally]) -> int | None:
    """Draws that the total leaves; None where there is no total."""
    if limits.total is None:
        return None
    return max(0, limits.total - sum(tally.drawn for tally in tallies))


def stop_reason(limits: Limits, target: int, tally: Tally) -> str | None:
    """`target_met`, even at the cap, or `trial_cap`; None while it may go on."""
    if tally.distinct_correct >= target:
        return "target_met"
    return "trial_cap" if tally.drawn >= limits.cap else None


def draws_of(tallies: Sequence[Tally], counts: Mapping[str, int]) -> tuple[Draw, ...]:
    """The counts as draws that continue where each problem is, in the order of the tallies."""
    return tuple(Draw(t.problem_id, t.drawn, counts[t.problem_id]) for t in tallies if counts.get(t.problem_id))


def needed(missing: int, found: int, drawn: int) -> int:
    """ceil(missing / smoothed rate of finding), in integers, so that no float decides a count."""
    return -(-2 * missing * (drawn + 1) // (2 * found + 1))


def _wish(limits: Limits, target: int, tally: Tally) -> int:
    expected = needed(target - tally.distinct_correct, tally.distinct_correct, tally.drawn)
    return min(expected, tally.drawn, limits.cap - tally.drawn)
