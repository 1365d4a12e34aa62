"""Difficulty before and after selection: what the pool was like, and what was kept of it. Reads ids and outcomes only."""

# ruff: noqa: S608 (the SQL is made of our own names)

from dataclasses import dataclass

from storage.queries.rates import pass_rates
from storage.queries.scope import Scope

BANDS = 10


@dataclass(frozen=True, slots=True)
class Share:
    """One group's part of all rollouts and of the kept ones; shares of nothing are None."""

    group: int | str | None
    problems: int
    rollouts: int
    kept: int
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Band:
    """Problems whose pass rate over the prefix lies in [low, high), the last band closed; their rollouts and kept ones."""

    low: float
    high: float
    problems: int
    rollouts: int
    kept: int


def selection_shares(scope: Scope, by: str = "level") -> list[Share]:
    """Each group's share before and after selection."""
    rates = pass_rates(scope, by)
    rollouts, kept = sum(rate.rollouts for rate in rates), sum(rate.kept for rate in rates)
    return [
        Share(
            group=rate.group,
            problems=rate.problems,
            rollouts=rate.rollouts,
            kept=rate.kept,
            before=rate.rollouts / rollouts if rollouts else None,
            after=rate.kept / kept if kept else None,
        )
        for rate in rates
    ]


def pass_rate_bands(scope: Scope) -> list[Band]:
    """Ten bands of pass rate, from never solved to always solved; problems without a judged rollout are in none."""
    query = f"""
        WITH one AS (
            SELECT count(*) AS rollouts, count(*) FILTER (kept) AS kept,
                   count(*) FILTER (outcome = 'correct' AND {scope.measured()}) AS correct,
                   count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed') AND {scope.measured()}) AS judged
            FROM rollouts GROUP BY problem_id
        )
        SELECT least({BANDS - 1}, correct * {BANDS} // judged) AS band, count(*), sum(rollouts), sum(kept)
        FROM one WHERE judged > 0 GROUP BY band
    """
    with scope.connection("rollouts") as connection:
        found = {int(band): tuple(map(int, counts)) for band, *counts in connection.execute(query).fetchall()}
    return [Band(index / BANDS, (index + 1) / BANDS, *found.get(index, (0, 0, 0))) for index in range(BANDS)]
