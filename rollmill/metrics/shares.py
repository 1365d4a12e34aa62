"""Shares of each group in the problems, in all rollouts and in the kept ones: the effect of a selection on the mixture.

For the page of difficulty. Groups are levels, sources ... or how many of its judged rollouts a problem got right. Intervals
are for the population of the problems, with whole clusters sampled (`rollmill.stats.clusters.cluster_table`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rollmill.ground.pool import Group, Ints, grouped
from rollmill.metrics.counts import Counts
from rollmill.stats import Estimate, group_shares

CORRECT = "correct"
"""The group of a problem by its number of correct rollouts (`by_correct`)."""


@dataclass(frozen=True, slots=True)
class Share:
    """Share of a group: its problems, rollouts and kept rollouts, and each as a share of those of all groups; None of
    nothing.
    """

    group: Group
    problems: int
    rollouts: int
    kept: int
    of_problems: Estimate | None
    before: Estimate | None
    after: Estimate | None


def shares(counts: Counts, by: str) -> list[Share]:
    """The groups in sorted order, problems without a value last as None; by CORRECT from none right to all right."""
    members = grouped(counts.groups[by])
    if by == CORRECT:
        members = {right: members.get(right, np.zeros(0, dtype=np.int64)) for right in range(int(counts.judged.max()) + 1)}
    place = np.zeros(len(counts), dtype=np.int64)
    for at, places in enumerate(members.values()):
        place[places] = at
    columns = (np.ones(len(counts), dtype=np.int64), counts.rollouts, counts.kept)
    names = ("problems", "all rollouts", "kept rollouts")
    every = [
        _shares(column, place, len(members), counts.clusters, name) for column, name in zip(columns, names, strict=True)
    ]
    return [
        Share(group, len(places), int(counts.rollouts[places].sum()), int(counts.kept[places].sum()), *estimates)
        for (group, places), estimates in zip(members.items(), zip(*every, strict=True), strict=True)
    ]


def _shares(weights: Ints, place: Ints, groups: int, clusters: Sequence[Group], of: str) -> Sequence[Estimate | None]:
    shares = group_shares(weights, place, groups, clusters, estimand=f"share of the {of} of such problems")
    return [None] * groups if shares is None else shares


def judged_numbers(counts: Counts) -> dict[int, int]:
    """Number of problems by their number of judged rollouts, the most frequent first; problems without any are left out."""
    numbers, problems = np.unique(counts.judged[counts.judged > 0], return_counts=True)
    order = np.lexsort((-numbers, -problems))
    return dict(zip(numbers[order].tolist(), problems[order].tolist(), strict=True))


def by_correct(counts: Counts, judged: int) -> list[Share]:
    """The problems with so many judged rollouts, by how many of these are correct: 0 to all of them, empty ones too."""
    mine = counts.where(counts.judged == judged)
    return shares(replace(mine, groups={CORRECT: mine.correct.tolist()}), CORRECT) if len(mine) else []
