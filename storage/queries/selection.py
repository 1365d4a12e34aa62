"""Difficulty before and after selection: what the pool was like, and what was kept of it. Reads ids and outcomes only."""

from dataclasses import dataclass

import numpy as np

from storage.queries.rates import counts_by, pass_rates
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
    counts = counts_by(scope, "level").judged_only()
    band = np.minimum(BANDS - 1, counts.correct * BANDS // counts.judged)
    sizes = [np.bincount(band, weights, BANDS).astype(int).tolist() for weights in (None, counts.rollouts, counts.kept)]
    return [Band(at / BANDS, (at + 1) / BANDS, *(size[at] for size in sizes)) for at in range(BANDS)]
