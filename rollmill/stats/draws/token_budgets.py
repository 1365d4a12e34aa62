"""Results by tokens and attempts: pass@t of draws and of repair trees, regret over the token budget, accuracy.

For comparisons at equal cost, where k samples of two models are not the same money. Tokens are counts of output tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_ORDERS = 720  # of one problem's completions, all of them up to six completions, else as many at random


def pass_at_tokens(tokens: npt.ArrayLike, correct: npt.ArrayLike, budgets: Sequence[int], *, seed: int = 0) -> Array:
    """pass@t of one problem, (T,): the chance that drawing until t tokens are spent gives a correct completion.

    Over all orders of the stored completions, which are independent draws; one that is cut off by the budget does not
    count. Of drafts and their repairs it is `repair_tree_at`. NaN if t exceeds what the problem's
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


@dataclass(frozen=True, slots=True)
class Draft:
    """A first program of a repair tree and its repairs: (tokens, whether it is right) of each repair.

    The tokens of a repair hold those of its feedback. A correct draft is never repaired.
    """

    tokens: int
    right: bool
    repairs: Sequence[tuple[int, bool]] = ()


def repair_tree_at(drafts: Sequence[Draft], first: int, repairs: int) -> tuple[float, float] | None:
    """(pass rate, mean tokens) of trees of `first` drafts with `repairs` repairs of each wrong one, of one problem.

    A point of the pass@t curve of self-repair (Olausson et al. 2024, arXiv:2306.09896: a tree passes if any of its programs
    does, and costs the tokens of all that was sampled). The paper samples trees from a large one; this is their exact mean,
    drafts and repairs being chosen without replacement. With no repairs it is pass@k at k times the mean tokens. None if
    there are fewer drafts, or fewer repairs of a wrong one.
    """
    wrong = [draft for draft in drafts if not draft.right]
    if first < 1 or repairs < 0:
        raise ValueError(f"a tree has 1 draft or more and no negative number of repairs, got {first} and {repairs}")
    if len(drafts) < first or any(len(draft.repairs) < repairs for draft in wrong):
        return None
    # The sum over all choices of so many drafts of the chance that they and all their repairs fail, one draft at a time.
    fails = [1.0] + [0.0] * first
    for draft in wrong:
        missed = sum(not right for _, right in draft.repairs)
        fail = math.comb(missed, repairs) / math.comb(len(draft.repairs), repairs)
        for size in range(first, 0, -1):
            fails[size] += fails[size - 1] * fail
    spent = math.fsum(draft.tokens for draft in drafts)
    if repairs:
        spent += math.fsum(repairs * math.fsum(t for t, _ in draft.repairs) / len(draft.repairs) for draft in wrong)
    return 1.0 - fails[first] / math.comb(len(drafts), first), first * spent / len(drafts)


def _tokens_to_success(tokens: npt.ArrayLike, correct: npt.ArrayLike, seed: int) -> tuple[Array, int]:
    """Tokens up to the first correct completion in each order, ascending, infinity for none; and their total."""
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


def regret_of_prefixes(success: Sequence[float], tokens: Sequence[float], budget: float) -> float:
    """Normalised regret of one text that could have ended at each of these places: 1 - (area under its success)/budget.

    Args:
        success: Chance of a right answer when the text is ended there, the first before anything is written.
        tokens: Tokens up to each place, ascending from 0. Between two places success is on a line (trapezoids), behind the
            last one it stays (Qu et al. 2025, arXiv:2503.07572, cumulative regret with an optimum of 1).
        budget: Tokens over which the area is taken.
    """
    if len(success) != len(tokens) or not success or budget <= 0 or tokens[0] != 0 or list(tokens) != sorted(tokens):
        raise ValueError(
            f"as many places as successes, ascending from 0, and a budget above 0: {success}, {tokens}, {budget}"
        )
    inside = sorted({float(budget), *(place for place in tokens if place < budget)})
    return 1.0 - float(np.trapezoid(np.interp(inside, tokens, success), inside)) / budget


def cumulative_regret(success: Sequence[float], best: float = 1.0) -> Array:
    """(k,): the sum of `best - success` over the first 1 .. k parts of a text, 0 for one that is always right."""
    return np.cumsum(best - np.asarray(success, dtype=np.float64))


def progress_of_parts(success: Sequence[float]) -> Array:
    """(k - 1,): the rise of success by each part, whose sum is last minus first success: rewards of parts."""
    return np.diff(np.asarray(success, dtype=np.float64))
