"""pass@k against every subset counted, and its mean over the binomial against 1 - (1 - p)^k."""

import math
from fractions import Fraction
from itertools import combinations

import pytest

from pipelines.stats import pass_at_k


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
