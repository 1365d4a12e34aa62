"""Attention to the tasks of a curriculum, by mastering rates and progress (Willems, Lahlou & Bengio 2020).

For the allocator `mastering`, whose tasks are arms, and the round policy `mastering_rate`, whose tasks are values of a
column of the problems. Each of them measures its own mastering rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError


@dataclass(frozen=True, slots=True)
class AttentionWeights:
    """`power`: exponent of the ancestors' lowest rate (p). `unmastered`: weight of what is not mastered yet, against
    progress (g). `to_before` and `to_after`: shares of its attention that a task gives to its direct predecessors and
    successors.
    """

    power: float
    unmastered: float
    to_before: float
    to_after: float


def task_attention(
    rates: Mapping[str, float],
    slopes: Mapping[str, float],
    before: Mapping[str, Sequence[str]],
    weights: AttentionWeights,
) -> dict[str, float]:
    """Attention to each task of the graph `before` (direct predecessors), 0 or more.

    Before redistribution it is (lowest rate of the ancestors)^p * ((1 - g) |slope| / largest |slope| + g (1 - rate)) *
    (1 - lowest rate of the successors). A task without predecessors or successors keeps their share.
    """
    after = {task: [other for other in before if task in before[other]] for task in before}
    # Without any progress the divisor is 1 instead of 0.
    steepest = max((abs(slopes[task]) for task in before), default=0.0) or 1.0
    given = dict.fromkeys(before, 0.0)
    for task in before:
        # A task without ancestors is ready from the beginning.
        ready = min((rates[other] for other in ancestors(task, before)), default=1.0) ** weights.power
        wanted = (1 - weights.unmastered) * abs(slopes[task]) / steepest + weights.unmastered * (1 - rates[task])
        # A task that no other follows keeps its attention until it is mastered itself.
        own = ready * wanted * (1 - min((rates[other] for other in after[task]), default=0.0))
        for others, share in ((before[task], weights.to_before), (after[task], weights.to_after)):
            for other in others or [task]:
                given[other] += own * share / (len(others) or 1)
        given[task] += own * (1 - weights.to_before - weights.to_after)
    return given


def one_after_another(tasks: Sequence[str]) -> dict[str, list[str]]:
    """The graph in which each task follows the one before it."""
    return {task: [tasks[place - 1]] if place else [] for place, task in enumerate(tasks)}


def ancestors(task: str, before: Mapping[str, Sequence[str]]) -> set[str]:
    """All tasks before a task, directly or not; SetupError for a circle."""
    earlier: set[str] = set()
    waiting = list(before[task])
    while waiting:
        name = waiting.pop()
        if name == task:
            raise SetupError(
                f"in the order of tasks, {task!r} comes before itself.",
                next_command=f"take one task out of those before {task!r}",
            )
        if name not in earlier:
            earlier.add(name)
            waiting += before[name]
    return earlier


def slope(values: Sequence[float]) -> float:
    """Slope of the line of least squares through values at 0, 1, 2, ...; 0 with fewer than two.

    Rounded to nine digits: rounding errors of equal values are no progress.
    """
    return round(float(np.polyfit(range(len(values)), values, 1)[0]), 9) if len(values) > 1 else 0.0
