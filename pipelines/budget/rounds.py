"""Shared parts of the adaptive budgets: checked options, the fixed prefix, the limits of rounds, and the random holdout.

Round 0 draws `initial` completions of every problem: the fixed prefix, drawn before any verdict, on which metrics may rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.pipelines.option_checks import checked_count
from rollmill.roles.tallies import Draw, RoundPlan, Tally


@dataclass(frozen=True, slots=True)
class RoundLimits:
    """Limits of rounds: the prefix, the trial cap per problem, the optional total over all problems."""

    budget: str
    initial: int
    target: int
    cap: int
    total: int | None = None

    def __post_init__(self) -> None:
        for option in ("initial", "target"):
            checked_count("budget", self.budget, option, getattr(self, option))
        checked_count("budget", self.budget, "cap", self.cap, least=self.initial)
        if self.total is not None:
            checked_count("budget", self.budget, "total", self.total)


def in_order(tallies: Sequence[Tally]) -> list[Tally]:
    """Tallies by problem id: no plan depends on the order in which they come."""
    return sorted(tallies, key=lambda tally: tally.problem_id)


def prefix_round(limits: RoundLimits, ordered: Sequence[Tally]) -> RoundPlan | None:
    """The round that completes the prefix of every problem; None once it is complete.

    The prefix is never cut short, half a prefix measures nothing: SetupError if `total` does not cover it.
    """
    missing = {t.problem_id: limits.initial - t.drawn for t in ordered if t.drawn < limits.initial}
    if not missing:
        return None
    available, needed = remaining_draws(limits, ordered), sum(missing.values())
    if available is not None and needed > available:
        raise SetupError(
            f"budget {limits.budget!r}: total {limits.total} does not cover initial {limits.initial} for every problem "
            f"({needed} more are needed, {available} are left).",
            next_command="rollmill recipe check RECIPE",
        )
    return RoundPlan(draws_of(ordered, missing))


def remaining_draws(limits: RoundLimits, tallies: Sequence[Tally]) -> int | None:
    """Draws that the total leaves; None if there is no total."""
    if limits.total is None:
        return None
    return max(0, limits.total - sum(tally.drawn for tally in tallies))


def stop_reason(limits: RoundLimits, target: int, tally: Tally) -> str | None:
    """`target_met`, even at the cap, or `trial_cap`; None while it may continue."""
    if tally.distinct_correct >= target:
        return "target_met"
    return "trial_cap" if tally.drawn >= limits.cap else None


def draws_of(tallies: Sequence[Tally], counts: Mapping[str, int]) -> tuple[Draw, ...]:
    """The counts as draws that continue where each problem is, in the order of the tallies."""
    return tuple(Draw(t.problem_id, t.drawn, counts[t.problem_id]) for t in tallies if counts.get(t.problem_id))


def needed(missing: int, correct: int, drawn: int) -> int:
    """ceil(missing / smoothed rate of correct ones), in integers, so that no float decides a count.

    The smoothed rate is (correct + 1/2) / (drawn + 1).
    """
    return -(-2 * missing * (drawn + 1) // (2 * correct + 1))


def hash_share(problem_id: str, salt: str) -> float:
    """A number from 0 to 1 that depends on nothing but these two, so that a plan stays a pure function."""
    return int(digest128(["lot", problem_id, salt]), 16) / (1 << 128)  # "lot" is part of every plan made so far


def in_random_holdout(problem_id: str, salt: str, share: float) -> bool:
    """True for this share of all problem ids, chosen by their hash; another salt chooses others."""
    return hash_share(problem_id, salt) < share
