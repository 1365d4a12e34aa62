"""What tokens and attempts buy: pass@t, regret over the token budget, accuracy at attempts, tokens per correct answer.

For comparisons at equal cost, where k samples of two models are not the same money. Tokens are counts of output tokens.
"""

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise, permutations

import numpy as np
import numpy.typing as npt

from pipelines.stats.intervals import Estimate, t_quantile
from pipelines.stats.means import TIE, cluster_sums, mean_bounds

Array = npt.NDArray[np.float64]
_ORDERS = 720  # of one problem's completions, all of them up to six completions, else as many at random


def pass_at_tokens(tokens: Sequence[int], correct: Sequence[bool], budgets: Sequence[int], *, seed: int = 0) -> Array:
    """pass@t of one problem, (T,): the chance that drawing until t tokens are spent gives a correct completion.

    Over all orders of the stored completions; one that is cut off by the budget does not count (Olausson et al. 2023,
    arXiv:2306.09896, section 3.2, where repairs are counted in the same way). NaN where t exceeds what the problem's
    completions took together: an order could then run out of completions before it runs out of tokens. Of more than six
    completions 720 seeded orders are taken.
    """
    cost, right = np.asarray(tokens, dtype=np.int64), np.asarray(correct, dtype=bool)
    if cost.shape != right.shape or (cost.size and int(cost.min()) < 1):
        raise ValueError("tokens of at least 1 and a verdict for each completion")
    n = len(cost)
    if n == 0:
        return np.full(len(budgets), np.nan)
    if math.factorial(min(n, 7)) <= _ORDERS:
        orders = np.array(list(permutations(range(n))), dtype=np.int64).reshape(-1, n)
    else:
        orders = np.random.default_rng([seed, n]).permuted(np.tile(np.arange(n), (_ORDERS, 1)), axis=1)
    spent = np.where(right[orders], np.cumsum(cost[orders], axis=1), np.iinfo(np.int64).max)
    first = np.sort(spent.min(axis=1))
    wanted = np.asarray(budgets)
    passed = np.searchsorted(first, wanted, side="right") / len(first)
    return np.where(wanted <= cost.sum(), passed, np.nan)


def normalised_regret(tokens: Sequence[float], success: Sequence[float], budget: float) -> float:
    """1 - (area under success over tokens from 0 to `budget`) / `budget`: 0 for success from the first token on.

    MRT's metric (Qu et al. 2025, arXiv:2503.07572): `success[j]` is the chance to be right when forced to answer after
    `tokens[j]`; trapezoids between, the first value held before, the last held after. Over pass@t it is the regret of
    drawing again. Sources count what the budget could have bought, not a ratio to another method.
    """
    at, value = np.asarray(tokens, dtype=np.float64), np.asarray(success, dtype=np.float64)
    if budget <= 0 or at.shape != value.shape or not at.size or (np.diff(at) <= 0).any() or at[0] < 0:
        raise ValueError("a success for each of ascending numbers of tokens, and a budget above 0")
    inside = at[at < budget]
    points = np.concatenate([[0.0], inside[inside > 0], [budget]])
    return 1.0 - float(np.trapezoid(np.interp(points, at, value), points)) / budget


def progress(success: Sequence[float]) -> list[float]:
    """MRT's progress of each episode: the change in the chance of success; they sum to the last minus the first."""
    return [after - before for before, after in pairwise(success)]


def solved_by(first_correct: npt.ArrayLike, attempts: npt.ArrayLike, most: int) -> Array:
    """(P, most): whether the problem was solved within j = 1 .. `most` attempts, in the order in which they were made.

    `first_correct`: the number of the first right attempt from 1 on, 0 for none; `attempts`: how many were made. Stopping
    at success is allowed. NaN from the first attempt on that was not made although none before was right: censored, not
    wrong.
    """
    first, made = (np.asarray(column, dtype=np.int64)[:, None] for column in (first_correct, attempts))
    j = np.arange(1, most + 1)
    solved = (first > 0) & (first <= j)
    return np.where(solved | (made >= j), solved.astype(np.float64), np.nan)


def cluster_share(
    parts: Sequence[float], wholes: Sequence[float], clusters: Sequence[Hashable | None] | None = None, *, estimand: str
) -> Estimate | None:
    """sum(parts) / sum(wholes), 0 <= part <= whole of each problem, with the interval of `mean_bounds`; None for no whole.

    The compositionality gap (Press et al. 2023, arXiv:2210.03350) is one: the part is the chance that all sub-questions
    are answered right and the question is not, the whole that all sub-questions are.
    """
    whole = math.fsum(wholes)
    if whole <= 0.0:
        return None
    above, below = (cluster_sums(values, clusters) for values in (parts, wholes))
    sums = [(top, size) for (top, _), (size, _) in zip(above, below, strict=True) if size > 0.0]
    value = math.fsum(parts) / whole
    value = 0.0 if value < TIE else 1.0 if value > 1.0 - TIE else value
    low, high, method = mean_bounds(sums, value)
    return Estimate(value, low, high, len(parts), len(sums), method, estimand)


def cluster_ratio(
    above: Sequence[float],
    below: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    estimand: str,
    confidence: float = 0.95,
) -> Estimate | None:
    """sum(above) / sum(below) of positive amounts without an upper bound; None where `below` is nothing.

    Tokens per correct answer: all tokens, those of wrong answers too, over all correct answers. Cluster t on the log scale
    with the linearised error of a ratio (Cochran 1977, eq. 6.13), effective clusters by their share of `below`. One
    cluster, or clusters that show no spread: [0, infinity], for nothing bounds what was not seen.
    """
    top, bottom = math.fsum(above), math.fsum(below)
    if bottom <= 0.0 or top <= 0.0:
        return None
    tops, bottoms = (np.array([total for total, _ in cluster_sums(values, clusters)]) for values in (above, below))
    value, groups = top / bottom, len(tops)
    low, high, method = 0.0, math.inf, "no spread seen: no interval" if groups > 1 else "one cluster: no interval"
    squares = float(((tops - value * bottoms) ** 2).sum())
    if groups > 1 and squares > (TIE * top) ** 2:
        error = math.sqrt(groups / (groups - 1) * squares) / top
        effective = bottom**2 / float((bottoms**2).sum())
        half = t_quantile((1.0 + confidence) / 2.0, max(1.0, effective - 1.0)) * error
        low, high, method = value * math.exp(-half), value * math.exp(half), "cluster t on the log scale"
    return Estimate(value, low, high, len(above), groups, method, estimand)
