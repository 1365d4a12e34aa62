"""Kendall's tau against hand counts, and the coverage of its interval."""

import math

import numpy as np
import pytest

from rollmill.stats import rank_agreement


def test_tau_by_hand() -> None:
    """Pairs of (1, 2, 3, 4) and (1, 3, 2, 4): five agree, one does not."""
    estimate = rank_agreement([1, 2, 3, 4], [1, 3, 2, 4])
    assert estimate is not None
    assert estimate.value == pytest.approx(4 / 6)
    assert (estimate.n, estimate.clusters) == (4, 4)
    assert -1 <= estimate.low < estimate.value < estimate.high <= 1


def test_whole_agreement_has_an_interval_with_a_width() -> None:
    """Four disjoint pairs that agree: a share of at least .025 ** (1 / 4), so tau of at least twice that less one."""
    scores = [float(place) for place in range(8)]
    agreeing, reversed_ = rank_agreement(scores, scores), rank_agreement(scores, scores[::-1])
    assert agreeing is not None
    assert reversed_ is not None
    assert [agreeing.low, agreeing.high] == pytest.approx([2 * 0.025**0.25 - 1, 1.0])
    assert [reversed_.low, reversed_.high] == pytest.approx([-1.0, 1 - 2 * 0.025**0.25])


def test_too_few_models_and_ties_alone_have_no_tau() -> None:
    assert rank_agreement([1, 2], [1, 2]) is None
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None
    with pytest.raises(ValueError, match="2 and 3 scores"):
        rank_agreement([1, 2], [1, 2, 3])


def test_ties_belong_to_neither_order() -> None:
    """tau-b of (1, 1, 2, 3) and (1, 2, 3, 4): 5 of 5 untied pairs agree, over sqrt(5 * 6)."""
    estimate = rank_agreement([1, 1, 2, 3], [1, 2, 3, 4])
    assert estimate is not None
    assert estimate.value == pytest.approx(5 / math.sqrt(30))


@pytest.mark.parametrize("models", [6, 20])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_the_interval_covers(models: int, correlation: float) -> None:
    """Normal scores: tau is 2 / pi asin(correlation)."""
    truth, generator, inside = 2 / math.pi * math.asin(correlation), np.random.default_rng(2), 0
    for _ in range(300):
        first = generator.normal(size=models)
        second = correlation * first + math.sqrt(1 - correlation**2) * generator.normal(size=models)
        estimate = rank_agreement(first.tolist(), second.tolist())
        assert estimate is not None
        inside += estimate.low <= truth <= estimate.high
    assert inside / 300 >= 0.93
