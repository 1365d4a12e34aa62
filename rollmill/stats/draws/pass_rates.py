"""The pass rate of one problem and pass@k: from a fixed prefix, with undecided completions, or under a stopping rule.

Pools drawn adaptively are data, not measurements. Metrics are computed from the fixed prefix: the first n0 completions of
a problem, chosen before any verdict. Where a rule on this problem's own (drawn, correct) stopped the draws, path counting
gives an unbiased rate of all of them.
"""

import math
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from functools import lru_cache

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, beta_quantile, check_counts

Rule = Callable[[int, int], int]
"""(drawn, correct) -> how many completions to draw next; 0 stops. Called at the ends of rounds only."""

PathCounts = dict[tuple[int, int], tuple[int, int]]
"""Stopping point (drawn, correct) -> (paths that begin with a success, all paths)."""


def pass_rate_interval(correct: int, judged: int) -> Estimate | None:
    """Pass rate correct/judged with the equal-tailed Jeffreys interval; None when nothing was judged.

    Estimand: the probability that one more completion of this problem is correct, for a number of completions fixed
    beforehand. Watched while it grows, the interval covers less. Quantiles of
    Beta(c + 1/2, n - c + 1/2), the low end 0 at c = 0 and the high end 1 at c = n
    (Brown, Cai & DasGupta 2001, Statistical Science 16(2), section 3.2).
    """
    check_counts(correct, judged)
    if judged == 0:
        return None
    tail = (1.0 - CONFIDENCE) / 2.0
    a, b = correct + 0.5, judged - correct + 0.5
    low = beta_quantile(tail, a, b) if correct > 0 else 0.0
    high = beta_quantile(1.0 - tail, a, b) if correct < judged else 1.0
    return Estimate(correct / judged, low, high, judged, judged, "Jeffreys", "pass rate of one problem")


def undecided_bounds(correct: int, judged: int, undecided: int) -> tuple[float, float] | None:
    """(c/n, (c+u)/n) with n = judged + undecided: the pass rate if all undecided were wrong, or right; None for n = 0.

    A model can cause undecided completions, so they are never just left out.
    """
    check_counts(correct, judged)
    if undecided < 0:
        raise ValueError(f"undecided cannot be negative, got {undecided}")
    total = judged + undecided
    return (correct / total, (correct + undecided) / total) if total else None


@lru_cache(maxsize=65_536)
def pass_at_k(judged: int, correct: int, k: int) -> float | None:
    """Unbiased estimate 1 - C(n-c, k)/C(n, k) from n completions fixed beforehand; None for n < k.

    Estimand: 1 - (1 - p)^k of one problem (Chen et al. 2021, arXiv:2107.03374, eq. 1). Exact integers, rounded once. For
    adaptively drawn pools take a fixed prefix first: the pool itself is biased.
    """
    check_counts(correct, judged)
    if k < 1:
        raise ValueError(f"pass@k needs k >= 1, got {k}")
    if judged < k:
        return None
    return float(1 - Fraction(math.comb(judged - correct, k), math.comb(judged, k)))


def path_counting_rate(drawn: int, correct: int, counts: PathCounts) -> float | None:
    """Unbiased estimate of the pass rate of one problem at its stopping point; None if the rule does not stop.

    A pool drawn until it holds four successes reads too high as c/n. Given the stopping point, every order of outcomes that
    leads to it is equally likely, so the share of those orders that begin with a success estimates p without bias
    (Girshick, Mosteller & Savage 1946, Ann. Math. Stat. 17): (r-1)/(K-1) at the r-th success when the rule looks after each
    draw, c/N at the cap. The rule may look at (drawn, correct) of this problem only; for budgets that couple problems use
    the prefix.
    """
    paths = counts.get((drawn, correct))
    return None if paths is None else float(Fraction(*paths))


def path_counts(rule: Rule, *, cap: int, wanted: Collection[tuple[int, int]] | None = None) -> PathCounts:
    """All stopping points of a rule that never draws more than `cap`, with their path counts (exact integers).

    `wanted`: only these points, which saves most of the work for a large cap.
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
        _add_paths(open_points, point, (first, total), _next_points(rule, point, count, named))
    return stopped


def _next_points(
    rule: Rule, start: tuple[int, int], count: int, wanted: Collection[tuple[int, int]] | None
) -> tuple[int, Sequence[int]]:
    """The size of a round, and the numbers of successes in it that lead where paths are to be counted."""
    if wanted is None:
        return count, range(count + 1)
    drawn, correct = start[0] + count, start[1]
    ends = [(drawn, correct + gained) for gained in range(count + 1)]
    # A stop that is not wanted can be left out: no path goes on from it to one that is.
    return count, [end[1] - correct for end in ends if end in wanted or rule(*end) > 0]


def _add_paths(
    points: PathCounts, start: tuple[int, int], paths: tuple[int, int], moves: tuple[int, Sequence[int]]
) -> None:
    """Add to every point one round away the paths that reach it through `start`; `moves`: draws, numbers of successes."""
    drawn, correct = start
    first, total = paths
    count, successes = moves
    for gained in successes:
        orders = math.comb(count, gained)
        # The first draw of all lies in the first round; from then on every order of a later round keeps how a path began.
        begin = math.comb(count - 1, gained - 1) if gained else 0
        new_first = begin if drawn == 0 else first * orders
        old = points.get((drawn + count, correct + gained), (0, 0))
        points[(drawn + count, correct + gained)] = (old[0] + new_first, old[1] + total * orders)
