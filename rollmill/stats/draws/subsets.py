"""Expected values over all choices of k of a problem's n completions: pass@k, pass^k, G-Pass@k, best of k.

For metrics and notebooks, over many problems and many k together, for n up to tens of thousands. Arrays have a place per
problem; a table has a row per problem and a column per k. Each is unbiased for completions whose number was fixed before
any verdict, and NaN if fewer than k were judged: undefined, never 0 or 1. `pass_at_k` gives one number exactly.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import Estimate, beta_quantile, t_quantile
from rollmill.stats.clusters.means import TIE

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Estimator = Callable[[npt.ArrayLike, npt.ArrayLike, Sequence[int]], Array]
_CELLS = 1 << 22  # of a table of logarithms at once, 32 MB


def pass_at_ks(judged: npt.ArrayLike, correct: npt.ArrayLike, ks: Sequence[int]) -> Array:
    """pass@k = 1 - C(n-c, k)/C(n, k), the chance that k completions hold a correct one (Chen et al. 2021, eq. 1).

    The ratio is exp(sum over j < k of log(1 - c/(n-j))), so that nothing overflows and a pass@k near 0 keeps its digits
    (the usual product, subtracted from 1, loses them). Estimand of a problem: 1 - (1 - p)^k.
    """
    n, c = _counts(judged, correct)
    return _by_counts(n, c, lambda n, c: -np.expm1(_log_none(n, c, _checked(ks))))


def pass_hat_ks(judged: npt.ArrayLike, correct: npt.ArrayLike, ks: Sequence[int]) -> Array:
    """pass^k = C(c, k)/C(n, k), the chance that all of k completions are correct (Yao et al. 2024, arXiv:2406.12045).

    Estimand of a problem: p^k.
    """
    n, c = _counts(judged, correct)
    return _by_counts(n, c, lambda n, c: np.exp(_log_none(n, n - c, _checked(ks))))


def g_pass_at_ks(judged: npt.ArrayLike, correct: npt.ArrayLike, ks: Sequence[int], tau: float) -> Array:
    """G-Pass@k_tau, the chance that at least m = max(ceil(tau k), 1) of k are correct (Liu et al. 2024, arXiv:2412.13147).

    tau = 0 is pass@k and tau = 1 pass^k. ceil(tau k) is of the decimal number that was written: in floating point .07 * 100
    is above 7, and ceil gives 8.
    """
    if not 0.0 <= tau <= 1.0:
        raise ValueError(f"tau is a share from 0 to 1, got {tau}")
    n, c = _counts(judged, correct)
    least = [max(math.ceil(Fraction(repr(float(tau))) * k), 1) for k in _checked(ks)]
    tails = [_by_counts(n, c, partial(_tails, k=k))[:, m] for k, m in zip(ks, least, strict=True)]
    return np.stack(tails, axis=1)


def mg_pass_at_ks(judged: npt.ArrayLike, correct: npt.ArrayLike, ks: Sequence[int]) -> Array:
    """mG-Pass@k, the mean of G-Pass@k_(i/k) over i = ceil(k/2)+1 .. k (Liu et al. 2024, eq. 6), for k >= 2.

    The paper divides the sum by k/2, which is the number of its terms for an even k only: for k = 15 a model that is always
    right would have .933. Divided by the number of terms it has 1, and for an even k nothing changes.
    """
    if min(_checked(ks)) < 2:
        raise ValueError("mG-Pass@k needs k >= 2: for k = 1 it is the mean of nothing")
    n, c = _counts(judged, correct)
    tails = [_by_counts(n, c, partial(_tails, k=k))[:, math.ceil(k / 2) + 1 :] for k in ks]
    return np.stack([tail.mean(axis=1) for tail in tails], axis=1)


def best_of_ks(scores: npt.ArrayLike, ks: Sequence[int]) -> Array:
    """The expected greatest of k scores, (P, K), from a table of scores (P, n): eff@k, or any score@k.

    sum over r of C(r-1, k-1)/C(n, k) e_(r) over the ascending e_(r) (Qiu et al. 2024, arXiv:2406.06647, algorithm 1). With
    scores of 0 and 1 it is pass@k.
    """
    return selected_of_ks(scores, scores, ks)


def selected_of_ks(values: npt.ArrayLike, scores: npt.ArrayLike, ks: Sequence[int]) -> Array:
    """The expected value of the completion that has the greatest score among k; tables (P, n) in, (P, K) out.

    Best-of-n selection by a score, at every smaller n. Of equal scores each is elected with the same chance, so those of a
    tie count with their mean value, and the order of rows changes nothing.
    """
    value, score = np.atleast_2d(np.asarray(values, dtype=np.float64)), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if value.shape != score.shape or np.isnan(score).any():
        raise ValueError(
            f"a value and a score for each completion: {value.shape} values, {score.shape} scores, none missing"
        )
    order = np.argsort(score, axis=1, kind="stable")
    ranked, value = np.take_along_axis(score, order, axis=1), np.take_along_axis(value, order, axis=1)
    starts = np.ones(ranked.shape, dtype=bool)
    # The first place of each row stays a start, so no tie runs on into the next problem.
    starts[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    tie = np.cumsum(starts.ravel()) - 1
    means = np.bincount(tie, weights=value.ravel()) / np.bincount(tie) if value.size else np.zeros(0)
    return np.asarray(means[tie].reshape(value.shape) @ top_weights(value.shape[1], ks), dtype=np.float64)


def top_weights(n: int, ks: Sequence[int]) -> Array:
    """(n, K): the chance C(r-1, k-1)/C(n, k) that the r-th smallest of n is the greatest of k of them; NaN for n < k.

    lambda_n = k/n, lambda_r = lambda_(r+1) (1 - (k-1)/r): no binomial coefficient is formed, so that n may be 10,000.
    """
    ranks = np.arange(n - 1, 0, -1)
    columns = []
    for k in _checked(ks):
        factors = np.maximum(0.0, 1.0 - (k - 1) / ranks)
        column = k / n * np.cumprod(np.concatenate([[1.0], factors]))[::-1] if n >= k else np.full(n, np.nan)
        columns.append(column)
    return np.stack(columns, axis=1)


def these_problems_means(
    estimator: Estimator, judged: npt.ArrayLike, correct: npt.ArrayLike, ks: Sequence[int], estimand: Sequence[str]
) -> list[Estimate]:
    """Means over exactly these problems, one per k: only the drawing of completions is uncertain, not which problems.

    `estimator` is one of the four of counts, n >= k everywhere. Variance: the jackknife over each problem's completions
    (Efron & Stein 1981: never too small on average), Satterthwaite degrees of freedom. Where a problem has just k
    completions nothing can be left out: Clopper-Pearson over problems, which is wide enough because a sum of unequal
    chances varies less than one of equal ones (Hoeffding 1956); the same if all values are 0, or 1. No spread otherwise:
    McDiarmid's bound, where one completion changes the value by at most k/n.
    """
    n, c = _counts(judged, correct)
    values, means = estimator(n, c, ks), []
    for column, (k, what) in enumerate(zip(ks, estimand, strict=True)):
        f, problems = values[:, column], len(n)
        mean = math.fsum(f) / problems
        low, high, method = _of_these(f, _left_out(estimator, n, c, k) if n.min() > k else None, n, k)
        means.append(Estimate(mean, min(low, mean), max(high, mean), int(n.sum()), problems, method, what))
    return means


def _left_out(estimator: Estimator, n: Ints, c: Ints, k: int) -> Array:
    """The jackknife variance of each problem's value: its completions are left out one after another."""
    without_right = estimator(n - 1, np.maximum(c - 1, 0), [k])[:, 0]
    without_wrong = estimator(n - 1, np.minimum(c, n - 1), [k])[:, 0]
    centre = (c * without_right + (n - c) * without_wrong) / n
    squares = c * (without_right - centre) ** 2 + (n - c) * (without_wrong - centre) ** 2
    return np.asarray((n - 1) / n * squares, dtype=np.float64)


def _of_these(values: Array, variances: Array | None, n: Ints, k: int) -> tuple[float, float, str]:
    problems, total = len(n), math.fsum(values)
    mean = total / problems
    if variances is None or not TIE < mean < 1.0 - TIE:
        low = beta_quantile(0.025, total, problems - total + 1.0) if mean > TIE else 0.0
        high = beta_quantile(0.975, total + 1.0, problems - total) if mean < 1.0 - TIE else 1.0
        return low, high, "Clopper-Pearson over problems"
    variance = math.fsum(variances)
    if variance <= TIE**2:
        half = k * math.sqrt(math.log(40.0) / 2.0 * math.fsum(1.0 / n)) / problems  # 40 = 2 / .05
        return max(0.0, mean - half), min(1.0, mean + half), "McDiarmid over completions"
    degrees = variance**2 / math.fsum(variances**2 / (n - 1))
    half = t_quantile(0.975, max(1.0, degrees)) * math.sqrt(variance) / problems
    return max(0.0, mean - half), min(1.0, mean + half), "jackknife over completions"


def _counts(judged: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Ints, Ints]:
    n, c = np.broadcast_arrays(np.asarray(judged, dtype=np.int64), np.asarray(correct, dtype=np.int64))
    if n.size and (int(c.min()) < 0 or bool((c > n).any())):
        raise ValueError("need 0 <= correct <= judged of every problem")
    return np.atleast_1d(n), np.atleast_1d(c)


def _checked(ks: Sequence[int]) -> Sequence[int]:
    if not len(ks) or min(ks) < 1:
        raise ValueError(f"k is at least 1, got {list(ks)}")
    return ks


def _by_counts(n: Ints, c: Ints, table: Callable[[Ints, Ints], Array]) -> Array:
    """A row per problem; problems with equal counts have equal rows, which are computed once."""
    pairs, place = np.unique(np.stack([n, c]), axis=1, return_inverse=True)
    # The shape of the inverse differs between versions of NumPy.
    return table(pairs[0], pairs[1])[place.ravel()]


def _log_none(n: Ints, c: Ints, ks: Sequence[int]) -> Array:
    """log of C(n-c, k)/C(n, k), (rows, K): the chance that none of k is among c of n; NaN for n < k."""
    most, wanted = max(ks), np.asarray(ks) - 1
    logs = np.empty((len(n), len(ks)))
    step = max(1, _CELLS // most)
    for start in range(0, len(n), step):
        rows = slice(start, start + step)
        left = n[rows, None] - np.arange(most)
        with np.errstate(divide="ignore"):
            # Where c fills what is left the chance is 0 and its log -inf, which is meant.
            terms = np.log1p(-np.minimum(1.0, c[rows, None] / np.maximum(left, 1)))
        logs[rows] = np.cumsum(terms, axis=1)[:, wanted]
    return np.where(n[:, None] >= np.asarray(ks), logs, np.nan)


def _tails(n: Ints, c: Ints, k: int) -> Array:
    """(rows, k+1): the chance that at least m of k are correct; NaN for n < k.

    Neighbouring hypergeometric chances have simple ratios, whose logarithms are summed from the least possible count and
    scaled to sum to 1: no factorial is formed.
    """
    hits = np.arange(k + 1)
    least, most = np.maximum(0, k - (n - c))[:, None], np.minimum(c, k)[:, None]
    inside = (hits >= least) & (hits <= most)
    upper = np.maximum(c[:, None] - hits + 1, 1) * np.maximum(k - hits + 1, 1)  # C(.., j) over C(.., j-1)
    lower = np.maximum(hits, 1) * np.maximum((n - c)[:, None] - k + hits, 1)
    steps = np.where(inside & (hits > least), np.log(upper / lower), 0.0)
    logs = np.where(inside, np.cumsum(steps, axis=1), -np.inf)
    with np.errstate(invalid="ignore"):
        # Rows with n < k have only -inf, and give the NaN that they are to have.
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    tails = np.cumsum((chances / chances.sum(axis=1, keepdims=True))[:, ::-1], axis=1)[:, ::-1]
    return np.where(n[:, None] >= k, np.minimum(tails, 1.0), np.nan)
