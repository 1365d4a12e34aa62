"""Tests of paired measurements, and of many or repeated ones: sign flips over clusters, Holm, alpha spent over looks.

For comparisons of models, verifiers or days on the same problems. McNemar's test is right for one completion per problem
only: pooled over 64 completions of 100 problems its error of the first kind is .40. Equality is `equivalence`'s to show.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import NormalDist
from typing import Literal

import numpy as np

from pipelines.stats.means import TIE, cluster_sums

_EXACT = 14  # clusters whose 2^14 sign patterns are all gone through
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class SignFlipTest:
    """`p`: how often a difference of random signs is at least as far from 0. `exact`: over all patterns of signs."""

    difference: float
    p: float
    clusters: int
    exact: bool


def sign_flip_test(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    draws: int = 9999,
    seed: int = 0,
) -> SignFlipTest | None:
    """Two-sided permutation test of mean(after - before) = 0, one value per problem and side; None without problems.

    Under the null hypothesis each cluster's difference could as well have the other sign; a cluster flips as a whole
    (Fisher 1935; Good 2005, section 3.2). Up to 14 clusters that differ all signs are tried, else `draws` at random and
    p = (b + 1)/(draws + 1), which is never 0 (Phipson & Smyth 2010).
    """
    values = [late - early for early, late in zip(before, after, strict=True)]
    if not values:
        return None
    sums = cluster_sums(values, clusters)
    totals = np.array([total for total, _ in sums if abs(total) > TIE])
    seen, limit = abs(math.fsum(totals)), float(np.abs(totals).sum()) * 1e-12
    mean = math.fsum(values) / len(values)
    if len(totals) <= _EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(totals)))).reshape(1 << len(totals), len(totals))
        p = float((np.abs(signs @ totals) >= seen - limit).mean())
        return SignFlipTest(mean, p, len(sums), exact=True)
    # m clusters that differ by the same amount are m signs of which only the sum counts: one binomial draw instead of m.
    amounts, numbers = np.unique(np.round(np.abs(totals), 12), return_counts=True)
    single, many = amounts[numbers == 1], numbers > 1
    rng, least = np.random.default_rng(seed), 0
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        signs = rng.integers(0, 2, size=(size, len(single)), dtype=np.int8) * 2.0 - 1.0
        ups = rng.binomial(numbers[many], 0.5, size=(size, int(many.sum())))
        sums = signs @ single + (2.0 * ups - numbers[many]) @ amounts[many]
        least += int((np.abs(sums) >= seen - limit).sum())
    return SignFlipTest(mean, (least + 1) / (draws + 1), len(sums), exact=False)


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
