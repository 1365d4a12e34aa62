"""The numbers of the report: the funnel, pass rates by level over the fixed prefix, difficulty before and after selection.

They come from the same rows that the checks saw, and from pipelines.metrics like every other such number; what is said here
is which of them a report holds, and under which keys.
"""

from typing import Any

from pipelines.metrics import GroupRate, counts_of, digits, funnel_of, pass_rates
from storage.pool import Pool


def funnel_facts(pool: Pool) -> dict[str, Any]:
    """Counts from problems made to rollouts kept, dropped ones by reason."""
    funnel = funnel_of(pool)
    return {
        "problems": funnel.problems,
        "drawn": funnel.planned,
        "outcomes": funnel.outcomes(),
        "kept": funnel.kept,
        "dropped": funnel.dropped,
        "kept_problems": funnel.kept_problems,
        "dropped_by_reason": dict(funnel.dropped_by_reason),
    }


def level_facts(pool: Pool) -> list[dict[str, Any]]:
    """One entry per level, None last: problems, rollouts, pass rate with interval, kept rollouts and their share."""
    rates = pass_rates(counts_of(pool), "level")
    kept = sum(rate.kept for rate in rates)
    return [_level(rate, kept) for rate in rates]


def _level(rate: GroupRate, total_kept: int) -> dict[str, Any]:
    row, estimate = rate.row(), rate.estimate
    return {
        "level": rate.group,
        "problems": rate.problems,
        "rollouts": rate.rollouts,
        "measured": rate.judged + rate.undecided,
        "undecided": rate.undecided,
        "rate": row["pass_rate"],
        "low": row["low"],
        "high": row["high"],
        "clusters": 0 if estimate is None else estimate.clusters,
        "method": None if estimate is None else estimate.method,
        "bounds": row["undecided_bounds"],
        "kept": rate.kept,
        "kept_share": digits(rate.kept / total_kept) if total_kept else None,
    }
