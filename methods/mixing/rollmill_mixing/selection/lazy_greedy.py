"""Lazy greedy choice for a submodular value of sets: the pick with the largest gain per row, one after the other.

A gain never rises while the set grows, so an earlier gain bounds the present one, and only the units with the largest
bounds are evaluated again (Minoux 1978). For units of one row the value is at least 1 - 1/e of the best set's (Nemhauser et
al. 1978). For units of several rows the gain is per row, and that bound does not hold. Gains are compared to 12 digits of
the first one, so that gains that differ by rounding are ties, which the first unit wins.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from rollmill.methods import Floats, Ints

BLOCK = 64  # units whose first gains are computed together
AGAIN = 8  # units whose gains are computed again together
PRECISION = 1e-12  # of the largest first gain
Bound = tuple[int, int, int, int, int]
"""Bound in negative steps, unit, its queue, its place there, and the number of picks at which the bound was exact."""


def lazy_greedy(
    queues: Sequence[Sequence[int]],
    rows: Ints,
    size: int,
    gains: Callable[[Sequence[int]], Floats],
    take: Callable[[int], None],
) -> tuple[list[int], list[float]]:
    """Picks of at most `size` rows, and the gain per row of each.

    `queues`: lists of units with equal numbers of rows; no unit gains more than the unit before it, whatever the set.
    `gains`: returns the gains of units, given the present set. `take`: adds a unit to the set.
    """
    heads = [queue[0] for queue in queues]
    blocks = [gains(heads[at : at + BLOCK]) for at in range(0, len(heads), BLOCK)]
    first = np.concatenate(blocks) / rows[heads] if blocks else np.zeros(0)
    step = PRECISION * float(first.max(initial=0.0)) or 1.0  # if no unit gains anything
    heap: list[Bound] = [
        (-round(value / step), unit, at, 0, 0) for at, (unit, value) in enumerate(zip(heads, first, strict=True))
    ]
    heapify(heap)
    picks: list[int] = []
    gained: list[float] = []
    left = size
    while heap and left:
        if rows[heap[0][1]] > left:  # nor do the others of its queue fit
            heappop(heap)
            continue
        stale: list[Bound] = []
        while heap and len(stale) < AGAIN and heap[0][4] < len(picks):
            stale.append(heappop(heap))
        if stale:
            units = [entry[1] for entry in stale]
            for (bound, unit, at, place, _), value in zip(stale, gains(units) / rows[units], strict=True):
                heappush(heap, (max(bound, -round(value / step)), unit, at, place, len(picks)))
            continue
        bound, unit, at, place, _ = heappop(heap)
        take(unit)
        picks.append(unit)
        gained.append(-bound * step)
        left -= int(rows[unit])
        if place + 1 < len(queues[at]):
            heappush(heap, (bound, queues[at][place + 1], at, place + 1, -1))
    return picks, gained
