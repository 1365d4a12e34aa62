"""Unbiased pass rate of a problem whose number of completions a stopping rule chose. Knows lattice paths, not budgets.

A pool drawn until it holds four successes reads too high as c/n. Given the stopping point, every order of outcomes that
leads to it is equally likely, so the share of those orders that begin with a success estimates p without bias (Girshick,
Mosteller & Savage 1946, Ann. Math. Stat. 17): (r-1)/(K-1) at the r-th success when the rule looks after each draw, c/N at
the cap. The rule may look at (drawn, correct) of this problem only; for budgets that couple problems use the prefix.
"""

import math
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

Rule = Callable[[int, int], int]
"""(drawn, correct) -> how many completions to draw next; 0 stops. Called at the ends of rounds only."""

PathCounts = dict[tuple[int, int], tuple[int, int]]
"""Stopping point (drawn, correct) -> (paths that begin with a success, all paths)."""


def until_target(target: int, cap: int, *, initial: int = 1, step: int = 1) -> Rule:
    """Draw `initial`, then `step` at a time, until `target` are correct or `cap` are drawn."""
    if min(target, cap, initial, step) < 1:
        raise ValueError("target, cap, initial and step must be positive")

    def rule(drawn: int, correct: int) -> int:
        if correct >= target or drawn >= cap:
            return 0
        return min(step if drawn else initial, cap - drawn)

    return rule


def path_counts(rule: Rule, *, cap: int, wanted: Collection[tuple[int, int]] | None = None) -> PathCounts:
    """All stopping points of a rule that never draws more than `cap`, with their path counts (exact integers).

    `wanted`: only those of them that are named, which spares most of the work where the cap is large.
    """
    named = None if wanted is None else frozenset(wanted)
    open_points: PathCounts = {(0, 0): (0, 1)}
    stopped: PathCounts = {}
    while open_points:
        point = min(open_points)  # smallest drawn first, so every path into a point is counted before it is left
        first, total = open_points.pop(point)
        count = rule(*point)
        if count <= 0 and point[0] > 0:
            stopped[point] = (first, total)
            continue
        if count <= 0 or point[0] + count > cap:
            raise ValueError(f"the rule must draw at least once and at most {cap} in all, asked {count} at {point}")
        _spread(open_points, point, (first, total), _reached(rule, point, count, named))
    return stopped


def path_counting_rate(drawn: int, correct: int, counts: PathCounts) -> float | None:
    """Unbiased estimate of the pass rate of one problem at its stopping point; None where the rule does not stop."""
    paths = counts.get((drawn, correct))
    return None if paths is None else float(Fraction(*paths))


def _reached(
    rule: Rule, start: tuple[int, int], count: int, wanted: Collection[tuple[int, int]] | None
) -> tuple[int, Sequence[int]]:
    """The size of a round, and the numbers of successes in it that lead where paths are to be counted."""
    if wanted is None:
        return count, range(count + 1)
    drawn, correct = start[0] + count, start[1]
    ends = [(drawn, correct + gained) for gained in range(count + 1)]
    return count, [end[1] - correct for end in ends if end in wanted or rule(*end) > 0]


def _spread(points: PathCounts, start: tuple[int, int], paths: tuple[int, int], taken: tuple[int, Sequence[int]]) -> None:
    """Add to every point one round away the paths that reach it through `start`; `taken`: draws, numbers of successes."""
    drawn, correct = start
    first, total = paths
    count, successes = taken
    for gained in successes:
        ways = math.comb(count, gained)
        begin = math.comb(count - 1, gained - 1) if gained else 0
        new_first = begin if drawn == 0 else first * ways
        old = points.get((drawn + count, correct + gained), (0, 0))
        points[(drawn + count, correct + gained)] = (old[0] + new_first, old[1] + total * ways)
