"""Sums and ratios of independent parts: degenerate cases by hand, ends against a parametric bootstrap."""

import numpy as np
import pytest

from pipelines.stats import clopper_pearson
from pipelines.stats.mover import mover_ratio, mover_sum


def test_symmetric_parts_add_their_squares() -> None:
    assert mover_sum([(1.0, (5.0, 2.0, 8.0)), (-1.0, (1.0, -3.0, 5.0))]) == pytest.approx((4.0, -1.0, 9.0))
    assert mover_sum([(2.0, (1.0, 0.5, 3.0))]) == pytest.approx((2.0, 1.0, 6.0))


def test_a_known_part_shifts_and_adds_no_width() -> None:
    assert mover_sum([(1.0, (0.5, 0.5, 0.5)), (-1.0, (0.0, 0.0, 0.02))]) == pytest.approx((0.5, 0.48, 0.5))


def test_a_ratio_by_a_known_number_is_a_scaling() -> None:
    assert mover_ratio((0.2, 0.1, 0.4), (2.0, 2.0, 2.0)) == pytest.approx((0.1, 0.05, 0.2))


def test_a_ratio_without_events_starts_at_zero_and_has_width() -> None:
    found = mover_ratio((0.0, 0.0, 0.03), (0.5, 0.45, 0.55))
    assert found is not None
    assert found[:2] == (0.0, 0.0)
    assert 0.03 / 0.55 < found[2] < 0.03 / 0.45


def test_a_ratio_by_what_may_be_nothing_has_no_upper_end() -> None:
    assert mover_ratio((0.1, 0.0, 0.2), (0.0, 0.0, 0.1)) is None
    found = mover_ratio((0.1, 0.05, 0.2), (0.1, 0.0, 0.2))
    assert found is not None
    assert found[2] == float("inf")


def test_the_ratio_of_two_proportions_is_covered() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(500):
        top, bottom = clopper_pearson(int(rng.binomial(150, 0.03)), 150), clopper_pearson(int(rng.binomial(150, 0.6)), 150)
        assert top is not None
        assert bottom is not None
        found = mover_ratio(*((one.value, one.low, one.high) for one in (top, bottom)))
        assert found is not None
        held += found[1] <= 0.05 <= found[2]
    assert held / 500 >= 0.94
