"""Completions of arms over rounds: of stored results of `rollmill replay --allocator`, and of runs whose steps are arms."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.files import read_object
from rollmill.storage.queries.comparisons.evaluations import REPLAYS
from rollmill.storage.queries.scope import Scope

FILE = "allocation.json"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpendingPoint:
    """Completions that an arm had by the end of a round, as a mean over repeats with their 5% and 95% quantiles."""

    allocator: str
    arm: str
    round: int
    completions: float
    low: float
    high: float


def allocations(root: Path, pools: Collection[str]) -> list[dict[str, Any]]:
    """The stored allocations whose completions are all of these runs and versions, by folder; SetupError for a damaged
    file. One without its runs and versions, from before they were stored, is left out.
    """
    reports = [
        read_object(path, next_command=f"rollmill replay POOL --allocator ucb --out {path.parent.relative_to(root)}")
        for path in sorted((root / REPLAYS).glob(f"**/{FILE}"))
    ]
    return [report for report in reports if report.get("scopes") and set(report["scopes"]) <= set(pools)]


def spending_points(report: Row) -> list[SpendingPoint]:
    """The spending of every allocator of a report, in the order of the report."""
    return [
        SpendingPoint(str(row["allocator"]), str(arm), *point)
        for row in report["rows"]
        for arm, part in row["spending"]["arms"].items()
        for point in zip(row["spending"]["rounds"], part["mean"], part["low"], part["high"], strict=True)
    ]


def step_points(scope: Scope) -> list[SpendingPoint]:
    """Completions that each step of a run had planned by the end of each round; empty for a run of one step or one round.

    The quantiles are the number itself: a run is not repeated. A sweep's steps are its arms.
    """
    if scope.run is None:
        return []
    with scope.connection() as connection:
        counts = connection.execute(
            "SELECT step, round, count(*) FROM planned WHERE coalesce(step, '') <> '' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    steps, last = sorted({step for step, _, _ in counts}), max((number for _, number, _ in counts), default=0)
    # One arm or one round shows no choice between arms.
    if len(steps) < 2 or not last:
        return []
    drawn = {(step, number): count for step, number, count in counts}
    points = []
    for step in steps:
        total = 0.0
        # Each line begins before round 0, where no arm had a completion.
        points.append(SpendingPoint(scope.run.name, step, 0, total, total, total))
        for number in range(last + 1):
            # A step without rows in a round keeps what it had.
            total += drawn.get((step, number), 0)
            points.append(SpendingPoint(scope.run.name, step, number + 1, total, total, total))
    return points
