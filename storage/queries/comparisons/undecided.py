"""Undecided completions in comparisons: in no rate, but counted, with what a number would be if all were wrong or right."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rollmill.ground.ids import digits
from rollmill.ground.pool import Flags
from rollmill.stats import pass_at_ks
from rollmill.storage.queries.comparisons.sides import Side

Row = dict[str, Any]


def left_out(first: Side, second: Side, compared: int) -> Row:
    """Numbers of problems without a value on a side: asked of one side only, or undecided on either."""
    before, after = (set(_ids(side, side.counts.drawn > 0)) for side in (first, second))
    both = len(before & after)
    return {"only_before": len(before) - both, "only_after": len(after) - both, "undecided": both - compared}


def undecided_bounds(first: Side, second: Side, k: int) -> list[float] | None:
    """The least and the largest difference, over the problems asked of both, if each undecided completion were right or
    wrong; None without undecided completions.
    """
    asked = [side.counts.drawn >= k for side in (first, second)]
    if not any(side.counts.undecided[there].any() for side, there in zip((first, second), asked, strict=True)):
        return None
    low, high = zip(*(_pass_if_wrong_or_right(side, k) for side in (first, second)), strict=True)
    common = low[0].keys() & low[1].keys()
    ends = [(low[1], high[0]), (high[1], low[0])]
    return [digits(math.fsum(after[p] - before[p] for p in common) / len(common)) for after, before in ends]


def _pass_if_wrong_or_right(side: Side, k: int) -> tuple[dict[str, float], dict[str, float]]:
    """pass@k of each problem with k completions if all its undecided ones were wrong, and if all were right."""
    counts, there = side.counts, side.counts.drawn >= k
    drawn, correct, undecided = counts.drawn[there], counts.correct[there], counts.undecided[there]
    wrong, right = (pass_at_ks(drawn, c, [k])[:, 0].tolist() for c in (correct, correct + undecided))
    names = _ids(side, there)
    return dict(zip(names, wrong, strict=True)), dict(zip(names, right, strict=True))


def _ids(side: Side, there: Flags) -> list[str]:
    return [side.pool.problems[place] for place in np.flatnonzero(there).tolist()]


def undecided_words(cell: Row) -> str:
    """A sentence on the undecided completions of a leaderboard's cell; empty without any."""
    if not cell["undecided"]:
        return ""
    wrong, right = cell["undecided_bounds"]
    return f"{cell['undecided']:,} undecided, in no rate; the rate is {wrong:.3f} if all are wrong, {right:.3f} if right"


def difference_words(row: Mapping[str, Any]) -> str:
    """A sentence on the undecided completions of a comparison; empty without any."""
    if (bounds := row["undecided_bounds"]) is None:
        return ""
    return f"with undecided completions counted too the difference lies between {bounds[0]:+.3f} and {bounds[1]:+.3f}"
