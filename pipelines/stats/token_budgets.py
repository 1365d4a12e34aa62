"""What tokens and attempts buy: pass@t, regret over the token budget, accuracy at attempts.

For comparisons at equal cost, where k samples of two models are not the same money. Tokens are counts of output tokens.
"""

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_ORDERS = 720  # of one problem's completions, all of them up to six completions, else as many at random


def pass_at_tokens(tokens: npt.ArrayLike, correct: npt.ArrayLike, budgets: Sequence[int], *, seed: int = 0) -> Array:
    """pass@t of one problem, (T,): the chance that drawing until t tokens are spent gives a correct completion.

    Over all orders of the stored completions; one that is cut off by the budget does not count (Olausson et al. 2023,
    arXiv:2306.09896, section 3.2, where repairs are counted in the same way). NaN where t exceeds what the problem's
    completions took together: an order could then run out of completions before it runs out of tokens. Of more than six
    completions 720 seeded orders are taken.
    """
    first, total = _tokens_to_success(tokens, correct, seed)
    wanted = np.asarray(budgets)
    return np.where(wanted <= total, np.searchsorted(first, wanted, side="right") / len(first), np.nan)


def regret_of_tokens(tokens: npt.ArrayLike, correct: npt.ArrayLike, budgets: Sequence[int], *, seed: int = 0) -> Array:
    """The normalised regret of drawing again, (T,): 1 - (area under pass@t from 0 to the budget) / budget.

    That is E[min(tokens to the first correct completion, budget)] / budget: 0 for a success that costs nothing, 1 for none.
    Orders and NaN as in `pass_at_tokens`.
    """
    first, total = _tokens_to_success(tokens, correct, seed)
    wanted = np.asarray(budgets, dtype=np.float64)
    shares = np.minimum(first[:, None], wanted) / wanted
    return np.where(wanted <= total, shares.mean(axis=0), np.nan)


def _tokens_to_success(tokens: npt.ArrayLike, correct: npt.ArrayLike, seed: int) -> tuple[Array, int]:
    """What each order spends up to its first correct completion, ascending, infinity for none; and all tokens together."""
    cost, right = np.asarray(tokens, dtype=np.int64), np.asarray(correct, dtype=bool)
    if cost.shape != right.shape or (cost.size and int(cost.min()) < 1):
        raise ValueError("tokens of at least 1 and a verdict for each completion")
    n = len(cost)
    if math.factorial(min(n, 7)) <= _ORDERS:
        orders = np.array(list(permutations(range(n))), dtype=np.int64)
    else:
        orders = np.random.default_rng([seed, n]).permuted(np.tile(np.arange(n), (_ORDERS, 1)), axis=1)
    spent = np.where(right[orders], np.cumsum(cost[orders], axis=1), np.inf) if n else np.full((1, 1), np.inf)
    return np.sort(spent.min(axis=1)), int(cost.sum())


def solved_by(first_correct: npt.ArrayLike, attempts: npt.ArrayLike, most: int) -> Array:
    """(P, most): whether the problem was solved within j = 1 .. `most` attempts, in the order in which they were made.

    `first_correct`: the number of the first right attempt from 1 on, 0 for none; `attempts`: how many were made. Stopping
    at success is allowed. NaN from the first attempt on that was not made although none before was right: censored, not
    wrong.
    """
    first, tried = (np.asarray(column, dtype=np.int64)[:, None] for column in (first_correct, attempts))
    j = np.arange(1, most + 1)
    solved = (first > 0) & (first <= j)
    return np.where(solved | (tried >= j), solved.astype(np.float64), np.nan)
