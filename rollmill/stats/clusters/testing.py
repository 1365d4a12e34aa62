"""Levels of many and of repeated tests: Holm over all of them, alpha spent over looks. The tests are in `differences`."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Literal


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for testing all of them, in their order: below alpha is significant (Holm 1979, Scand. J. Stat. 6).

    The chance of one false claim or more is at most alpha, whatever depends on what.
    """
    if any(not 0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("p values lie in [0, 1]")
    adjusted, most = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = most
    return adjusted


def alpha_spent(
    looks: Sequence[float], alpha: float = 0.05, *, shape: Literal["obrien-fleming", "pocock", "linear"] = "obrien-fleming"
) -> list[float]:
    """The level at which each look may test, so that all of them together err with a chance of at most `alpha`.

    `looks`: the share of all data or nights at each look, ascending in (0, 1]. Spending functions of Lan & DeMets (1983,
    Biometrika 70): what a look adds to the spent alpha is its level. The levels sum to the spent alpha, so the union bound
    holds for any dependence, at the price of some power against their exact boundaries. 90 nightly tests at .05 each raise
    a false alarm with a chance of .75 or more.
    """
    if not 0.0 < alpha < 1.0 or not looks or list(looks) != sorted(set(looks)) or looks[0] <= 0.0 or looks[-1] > 1.0:
        raise ValueError("looks are ascending shares in (0, 1], and alpha lies in (0, 1)")
    normal = NormalDist()
    critical = normal.inv_cdf(1.0 - alpha / 2.0)
    spent = {
        "obrien-fleming": lambda share: 2.0 * normal.cdf(-critical / math.sqrt(share)),
        "pocock": lambda share: alpha * math.log(1.0 + (math.e - 1.0) * share),
        "linear": lambda share: alpha * share,
    }[shape]
    totals = [0.0, *map(spent, looks)]
    return [after - before for before, after in pairwise(totals)]
