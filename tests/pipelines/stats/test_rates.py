"""Intervals of one rate: literal values, exact coverage by summing the binomial, and what is undefined."""

import math

import pytest
from scipy import stats

from pipelines.stats import clopper_pearson, pass_rate_interval, undecided_bounds


def coverage(interval, n: int, p: float) -> float:
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


def test_clopper_pearson_literals() -> None:
    estimate = clopper_pearson(0, 100)
    assert estimate is not None
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert clopper_pearson(2, 10, confidence=0.9).low == pytest.approx(stats.beta.ppf(0.05, 2, 9))


def test_undecided_widen_the_rate_to_its_bounds() -> None:
    assert undecided_bounds(3, 8, 2) == (0.3, 0.5)
    assert undecided_bounds(0, 0, 4) == (0.0, 1.0)


def test_impossible_counts_are_refused() -> None:
    for call in (pass_rate_interval, clopper_pearson):
        with pytest.raises(ValueError, match="0 <= correct <= judged"):
            call(5, 4)
    with pytest.raises(ValueError, match="negative"):
        undecided_bounds(1, 2, -1)
