"""The total variation distance: its value by hand, what chance gives, and how often its interval covers."""

import numpy as np
import pytest

from rollmill.stats import total_variation


def test_the_distance_is_the_share_that_would_have_to_move() -> None:
    before = np.array([[6.0, 2.0, 2.0]] * 20)
    after = np.array([[3.0, 4.0, 3.0]] * 20)
    shift = total_variation(before, after)
    assert shift is not None
    assert shift.distance.value == pytest.approx(0.3)
    assert (shift.distance.n, shift.distance.clusters) == (200, 20)
    assert shift.p < 0.01


def test_a_larger_version_of_the_same_composition_has_not_moved() -> None:
    rows = np.random.default_rng(0).multinomial(40, [0.5, 0.3, 0.2], size=16).astype(float)
    shift = total_variation(rows, 10 * rows)
    assert shift is not None
    assert shift.distance.value == pytest.approx(0.0)
    assert (shift.chance, shift.p) == pytest.approx((0.0, 1.0))
    assert shift.distance.high == pytest.approx(0.2059, abs=1e-4)  # 1 - .025^(1/16): clusters that were not seen may change


def test_few_rows_move_by_chance_alone_and_that_is_said() -> None:
    rng = np.random.default_rng(1)
    before = np.vstack([rng.multinomial(1, [0.125] * 8, size=40), np.zeros((40, 8))]).astype(float)
    after = np.vstack([np.zeros((40, 8)), rng.multinomial(1, [0.125] * 8, size=40)]).astype(float)
    shift = total_variation(before, after)
    assert shift is not None
    assert shift.chance > 0.25
    assert shift.distance.low == 0.0


def test_nothing_and_one_cluster_tell_nothing() -> None:
    assert total_variation(np.zeros((3, 2)), np.ones((3, 2))) is None
    alone = total_variation(np.array([[5.0, 5.0]]), np.array([[9.0, 1.0]]))
    assert alone is not None
    assert (alone.distance.low, alone.distance.high) == (0.0, 1.0)
    assert alone.distance.method == "one cluster: no interval"


def _cover(moved: float, repeats: int = 100) -> tuple[float, float]:
    """How often the interval covers, and how often p < .05: 16 unlike templates, the same ones in both versions."""
    rng, covered, found = np.random.default_rng(2), 0, 0
    shift_of = np.array([moved, -moved, 0.0, 0.0])
    for _ in range(repeats):
        theta = 0.25 + 0.1 * (rng.dirichlet([2.0] * 4, size=16) - 0.25)
        sides = (theta, theta + shift_of)
        before, after = (np.array([rng.multinomial(60, row) for row in side], dtype=float) for side in sides)
        shift = total_variation(before, after)
        assert shift is not None
        covered += shift.distance.low <= moved <= shift.distance.high
        found += shift.p < 0.05
    return covered / repeats, found / repeats


def test_the_interval_covers_and_no_change_is_seldom_called_one() -> None:
    none, false_alarms = _cover(0.0)
    some, found = _cover(0.15)
    assert none >= 0.9
    assert false_alarms <= 0.1
    assert some >= 0.9
    assert found == 1.0
