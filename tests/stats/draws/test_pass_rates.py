"""The pass rate of one problem: fixed prefix, Jeffreys, undecided, pass@k, path counting, against exact sums."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import beta, betainc

from rollmill.stats import (
    PathCounts,
    clopper_pearson,
    pass_at_k,
    pass_rate_interval,
    path_counting_rate,
    path_counts,
    undecided_bounds,
)
from tests.known import known
from tests.pipelines.budget.simulation import until_target


def coverage(interval: Callable[[int, int], Any], n: int, p: float) -> float:
    """Exact: the binomial probabilities of the counts whose interval holds p."""
    weights = (math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1))
    held = (interval(c, n).low <= p <= interval(c, n).high for c in range(n + 1))
    return math.fsum(weight for weight, inside in zip(weights, held, strict=True) if inside)


def test_jeffreys_literals() -> None:
    estimate = pass_rate_interval(3, 8)
    assert estimate is not None
    assert estimate.value == 0.375
    assert (estimate.low, estimate.high) == pytest.approx(stats.beta.ppf([0.025, 0.975], 3.5, 5.5))
    assert (estimate.n, estimate.method) == (8, "Jeffreys")


def test_jeffreys_ends_reach_the_ends_and_no_further() -> None:
    none, every = pass_rate_interval(0, 8), pass_rate_interval(8, 8)
    assert none is not None
    assert every is not None
    assert (none.value, none.low) == (0.0, 0.0)
    assert (every.value, every.high) == (1.0, 1.0)
    assert none.high == pytest.approx(1 - every.low) == pytest.approx(0.2622, abs=1e-4)


def test_nothing_judged_is_undefined() -> None:
    assert pass_rate_interval(0, 0) is None
    assert clopper_pearson(0, 0) is None
    assert undecided_bounds(0, 0, 0) is None


def test_jeffreys_covers_on_average_and_clopper_pearson_always() -> None:
    rates = [i / 97 for i in range(1, 97)]
    mean = math.fsum(coverage(pass_rate_interval, 16, p) for p in rates) / len(rates)
    assert 0.94 < mean < 0.96
    assert min(coverage(clopper_pearson, 16, p) for p in rates) >= 0.95


def test_a_watched_interval_excludes_the_truth_too_often() -> None:
    """Looked at after each draw from 8 to 256, a 95% interval excludes the truth somewhere in 36% of problems (point 5)."""
    rng = np.random.default_rng(5)
    rates = rng.beta(0.6, 0.9, 2000)[:, None]
    correct, drawn = np.cumsum(rng.random((2000, 256)) < rates, axis=1)[:, 7:], np.arange(8, 257)
    below = betainc(correct + 0.5, drawn - correct + 0.5, rates)
    excluded = ((below < 0.025) & (correct > 0)) | ((below > 0.975) & (correct < drawn))
    assert excluded.any(axis=1).mean() == pytest.approx(0.357, abs=0.03)
    for problem, look in ((0, 0), (1, 40), (2, 248)):
        estimate = pass_rate_interval(int(correct[problem, look]), int(drawn[look]))
        assert estimate is not None
        assert (not estimate.low <= rates[problem, 0] <= estimate.high) == excluded[problem, look]


def test_clopper_pearson_literals() -> None:
    estimate = clopper_pearson(0, 100)
    assert estimate is not None
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert known(clopper_pearson(2, 10, confidence=0.9)).low == pytest.approx(stats.beta.ppf(0.05, 2, 9))


def test_undecided_widen_the_rate_to_its_bounds() -> None:
    assert undecided_bounds(3, 8, 2) == (0.3, 0.5)
    assert undecided_bounds(0, 0, 4) == (0.0, 1.0)


def test_impossible_counts_are_refused() -> None:
    for call in (pass_rate_interval, clopper_pearson):
        with pytest.raises(ValueError, match="0 <= correct <= judged"):
            call(5, 4)
    with pytest.raises(ValueError, match="negative"):
        undecided_bounds(1, 2, -1)


def test_equals_the_share_of_subsets_with_a_correct_one() -> None:
    for n in range(1, 8):
        for c in range(n + 1):
            answers = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                subsets = list(combinations(answers, k))
                assert pass_at_k(n, c, k) == sum(map(any, subsets)) / len(subsets)


def test_is_unbiased_exactly() -> None:
    p, n, k = Fraction(3, 10), 10, 4
    mean = sum(math.comb(n, c) * p**c * (1 - p) ** (n - c) * Fraction(pass_at_k(n, c, k) or 0.0) for c in range(n + 1))
    assert float(mean) == pytest.approx(float(1 - (1 - p) ** k), abs=1e-15)


def test_undefined_below_k_whatever_the_count() -> None:
    assert pass_at_k(7, 7, 8) is None
    assert pass_at_k(7, 0, 8) is None
    assert pass_at_k(0, 0, 1) is None
    assert pass_at_k(8, 0, 8) == 0.0
    assert pass_at_k(8, 1, 8) == 1.0


def test_refuses_k_below_one() -> None:
    with pytest.raises(ValueError, match="k >= 1"):
        pass_at_k(8, 1, 0)


PASS_RATES = (Fraction(1, 50), Fraction(2, 5), Fraction(9, 10))


def mean_over_paths(counts: PathCounts, p: Fraction, estimate: Callable[[int, int, int, int], int | Fraction]) -> Fraction:
    return sum(
        (total * p**c * (1 - p) ** (n - c) * estimate(n, c, first, total) for (n, c), (first, total) in counts.items()),
        Fraction(0),
    )


@pytest.mark.parametrize(("target", "cap", "initial", "step"), [(4, 24, 1, 1), (4, 24, 8, 4), (1, 6, 1, 1), (3, 20, 5, 7)])
def test_unbiased_for_every_rule(target: int, cap: int, initial: int, step: int) -> None:
    counts = path_counts(until_target(target, cap, initial=initial, step=step), cap=cap)
    for p in PASS_RATES:
        assert mean_over_paths(counts, p, lambda *_: 1) == 1
        assert mean_over_paths(counts, p, lambda _n, _c, first, total: Fraction(first, total)) == p


def test_a_rule_that_doubles_its_rounds_is_unbiased_too() -> None:
    counts = path_counts(lambda n, c: 0 if c >= 3 or n >= 31 else n + 1, cap=31)
    assert mean_over_paths(counts, PASS_RATES[1], lambda _n, _c, first, total: Fraction(first, total)) == PASS_RATES[1]


def test_plain_rate_of_the_pool_is_biased_upwards() -> None:
    """Over pass rates from Beta(.6, .9), mean .400: the mean of c/n is .435 and the pooled rate .157, by exact sums."""
    counts = path_counts(until_target(4, 64), cap=64)
    chances = {(n, c): total * beta(c + 0.6, n - c + 0.9) / beta(0.6, 0.9) for (n, c), (_, total) in counts.items()}
    assert sum(chances.values()) == pytest.approx(1)
    assert sum(w * c / n for (n, c), w in chances.items()) == pytest.approx(0.435, abs=5e-4)
    pooled = sum(w * c for (n, c), w in chances.items()) / sum(w * n for (n, c), w in chances.items())
    assert pooled == pytest.approx(0.157, abs=5e-4)
    assert sum(w * (path_counting_rate(n, c, counts) or 0) for (n, c), w in chances.items()) == pytest.approx(0.4)


def test_known_forms_at_the_target_and_at_the_cap() -> None:
    counts = path_counts(until_target(4, 64), cap=64)
    assert path_counting_rate(10, 4, counts) == 3 / 9
    assert path_counting_rate(64, 2, counts) == 2 / 64
    assert path_counting_rate(64, 0, counts) == 0.0
    assert path_counting_rate(4, 4, counts) == 1.0


def test_undefined_where_the_rule_does_not_stop() -> None:
    counts = path_counts(until_target(4, 64), cap=64)
    assert path_counting_rate(10, 3, counts) is None


def test_refuses_rules_that_never_draw_or_overdraw() -> None:
    with pytest.raises(ValueError, match="at most 8"):
        path_counts(lambda _n, _c: 5, cap=8)
    with pytest.raises(ValueError, match="at least once"):
        path_counts(lambda _n, _c: 0, cap=8)
