"""pass@k, pass^k, G-Pass@k, best of k: against every subset of every small case, their traps, and n = 10,000."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from rollmill.stats import pass_at_k, t_quantile
from rollmill.stats.draws.subsets import (
    best_of_ks,
    g_pass_at_ks,
    mg_pass_at_ks,
    pass_at_ks,
    pass_hat_ks,
    selected_of_ks,
    these_problems_means,
    top_weights,
)
from tests.known import known

SMALL = [(n, c) for n in range(1, 9) for c in range(n + 1)]
JUDGED, CORRECT = np.array(SMALL).T
KS = tuple(range(1, 9))


def over_subsets(n: int, c: int, k: int, value: Callable[[int], float]) -> float:
    """The mean of a function of the number of correct ones over all subsets; NaN where there is none."""
    answers = [1] * c + [0] * (n - c)
    found = [value(sum(subset)) for subset in combinations(answers, k)]
    return math.fsum(found) / len(found) if found else math.nan


def expected(value: Callable[[int, int], float]) -> np.ndarray:
    def of(n: int, c: int, k: int) -> float:
        return over_subsets(n, c, k, lambda hits: value(hits, k))

    return np.array([[of(n, c, k) for k in KS] for n, c in SMALL])


def test_pass_at_k_and_all_of_k_equal_every_subset() -> None:
    np.testing.assert_allclose(pass_at_ks(JUDGED, CORRECT, KS), expected(lambda hits, _k: hits > 0), rtol=1e-14)
    np.testing.assert_allclose(
        pass_hat_ks(JUDGED, CORRECT, KS), expected(lambda hits, k: hits == k), rtol=1e-13, atol=1e-300
    )


@pytest.mark.parametrize("tau", [0.0, 0.25, 0.3, 0.5, 0.6, 0.7, 0.75, 1.0])
def test_g_pass_at_k_equals_every_subset(tau: float) -> None:
    exact = Fraction(str(tau))
    wanted = expected(lambda hits, k: hits >= max(math.ceil(exact * k), 1))
    np.testing.assert_allclose(g_pass_at_ks(JUDGED, CORRECT, KS, tau), wanted, rtol=1e-13, atol=1e-15)


def test_the_mean_over_thresholds_equals_every_subset_and_the_paper_for_even_k() -> None:
    wanted = expected(
        lambda hits, k: sum(hits >= i for i in range(math.ceil(k / 2) + 1, k + 1)) / max(1, k - math.ceil(k / 2))
    )
    np.testing.assert_allclose(mg_pass_at_ks(JUDGED, CORRECT, KS[1:]), wanted[:, 1:], rtol=1e-12, atol=1e-15)
    published = 2 / 8 * sum(g_pass_at_ks([12], [7], [8], i / 8)[0, 0] for i in range(5, 9))
    assert mg_pass_at_ks([12], [7], [8])[0, 0] == pytest.approx(published, rel=1e-12)


def test_a_model_that_is_always_right_has_1_for_odd_k_too() -> None:
    assert mg_pass_at_ks([15], [15], [15, 14, 3])[0].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="k >= 2"):
        mg_pass_at_ks([4], [2], [1])


def test_a_share_of_k_is_not_rounded_up_by_floating_point() -> None:
    assert math.ceil(0.7 * 10) == 7
    assert math.ceil(0.07 * 100) == 8  # the trap
    assert g_pass_at_ks([100], [7], [100], 0.07)[0, 0] == 1.0
    assert g_pass_at_ks([100], [6], [100], 0.07)[0, 0] == 0.0


def test_thresholds_0_and_1_are_pass_at_k_and_pass_hat_k() -> None:
    counts = np.arange(49)
    none, every = g_pass_at_ks(48, counts, [16], 0.0), g_pass_at_ks(48, counts, [16], 1.0)
    np.testing.assert_allclose(none, pass_at_ks(48, counts, [16]), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(every, pass_hat_ks(48, counts, [16]), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "estimator", [pass_at_ks, pass_hat_ks, mg_pass_at_ks, lambda n, c, ks: g_pass_at_ks(n, c, ks, 0.5)]
)
def test_undefined_below_k_and_never_a_default(estimator: Callable[..., np.ndarray]) -> None:
    table = estimator([7, 7, 8, 0], [7, 0, 8, 0], [8])
    assert np.isnan(table[:, 0]).tolist() == [True, True, False, True]


def test_ten_thousand_completions_keep_their_digits() -> None:
    n, ks = 10_000, [1, 2, 1000, 9999, 10_000]
    for c in (0, 1, 3, 5000, 9999, 10_000):
        exact = [known(pass_at_k(n, c, k)) for k in ks]
        np.testing.assert_allclose(pass_at_ks([n], [c], ks)[0], exact, rtol=1e-12)
        every = [float(Fraction(math.comb(c, k), math.comb(n, k))) for k in ks]
        np.testing.assert_allclose(pass_hat_ks([n], [c], ks)[0], every, rtol=1e-9, atol=1e-300)
    tail = sum(Fraction(math.comb(400, j) * math.comb(9600, 50 - j), math.comb(n, 50)) for j in range(25, 51))
    assert g_pass_at_ks([n], [400], [50], 0.5)[0, 0] == pytest.approx(float(tail), rel=1e-10)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="correct <= judged"):
        pass_at_ks([4], [5], [1])
    with pytest.raises(ValueError, match="k is at least 1"):
        pass_at_ks([4], [1], [0])
    with pytest.raises(ValueError, match="k is at least 1"):
        pass_at_ks([4], [1], [])
    with pytest.raises(ValueError, match="from 0 to 1"):
        g_pass_at_ks([4], [1], [2], 1.5)


def test_best_of_k_equals_every_subset_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    for n in range(3, 9):
        for scores in (rng.normal(size=n), rng.integers(0, 3, size=n).astype(float)):
            wanted = [np.mean([max(subset) for subset in combinations(scores, k)]) for k in range(1, n + 1)]
            np.testing.assert_allclose(best_of_ks(scores, range(1, n + 1))[0], wanted, rtol=1e-13, atol=1e-15)


def test_best_of_k_of_verdicts_is_pass_at_k() -> None:
    table = [[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    np.testing.assert_allclose(best_of_ks(table, range(1, 6)), pass_at_ks(5, [2, 0, 5], range(1, 6)), atol=1e-15)


def test_what_a_score_selects_equals_every_subset_for_every_small_case() -> None:
    """All verdicts and all scores of 0, 1, 2 on four completions; of equal scores each is as likely."""
    for values in product((0, 1), repeat=4):
        for scores in product((0, 1, 2), repeat=4):
            for k in range(1, 5):
                means = []
                for subset in combinations(range(4), k):
                    top = max(scores[i] for i in subset)
                    tied = [values[i] for i in subset if scores[i] == top]
                    means.append(sum(tied) / len(tied))
                assert selected_of_ks(values, scores, [k])[0, 0] == pytest.approx(np.mean(means), abs=1e-14)


def test_best_of_k_is_undefined_above_n_and_stable_for_ten_thousand() -> None:
    assert np.isnan(best_of_ks([[1.0, 2.0]], [3])[0, 0])
    weights = top_weights(10_000, [1, 100, 10_000])
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-11)
    assert weights[-1].tolist() == [1e-4, 1e-2, 1.0]
    with pytest.raises(ValueError, match="none missing"):
        best_of_ks([[1.0, math.nan]], [1])


def test_its_variance_is_far_below_that_of_one_subset() -> None:
    """n = 100, k = 10: the paper's figure is a factor of 12.8 for its scores."""
    rng = np.random.default_rng(1)
    scores = np.maximum(0.0, rng.normal(0.0, 1.0, size=(2000, 100)))
    one = scores[:, :10].max(axis=1)
    assert one.var() / best_of_ks(scores, [10])[:, 0].var() > 5


@pytest.mark.parametrize(("n", "k"), [(16, 1), (16, 4), (8, 8), (2, 1)])
def test_means_of_these_problems_are_covered(n: int, k: int) -> None:
    """60 problems with fixed rates. With n = k nothing can be left out, and the interval is a bound."""
    rng = np.random.default_rng([n, k])
    rates = rng.beta(0.6, 0.9, size=60)
    truth, held = float(np.mean(1 - (1 - rates) ** k)), 0
    for _ in range(300):
        (found,) = these_problems_means(pass_at_ks, n, rng.binomial(n, rates), [k], ["e"])
        held += found.low <= truth <= found.high
    assert held / 300 >= 0.925
    assert n == k or held / 300 <= 0.995


def test_the_jackknife_of_a_share_is_its_classical_error() -> None:
    """Stratified sampling, Cochran 1977, eq. 5.11: the variances p(1 - p)/(n - 1) of the problems, summed."""
    correct, n = np.array([3, 0, 5, 8, 1, 7]), 8
    (mine,) = these_problems_means(pass_at_ks, n, correct, [1], ["e"])
    parts = correct / n * (1 - correct / n) / (n - 1)
    degrees = parts.sum() ** 2 / (parts**2 / (n - 1)).sum()
    half = t_quantile(0.975, degrees) * math.sqrt(parts.sum()) / len(correct)
    assert (mine.value, mine.high - mine.value) == pytest.approx((correct.mean() / n, half))
    assert mine.value - mine.low == pytest.approx(half)


@pytest.mark.parametrize("correct", [[8, 8], [0, 0], [8, 0], [0] * 40])
def test_these_problems_never_have_an_interval_without_width(correct: list[int]) -> None:
    for k in (1, 4, 8):
        (found,) = these_problems_means(pass_at_ks, 8, correct, [k], ["e"])
        assert found.high - found.low > 0.05
        assert found.low <= found.value <= found.high
