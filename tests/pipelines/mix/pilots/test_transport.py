"""Optimal transport against every assignment of small sets, and against the distance of shifted points."""

from itertools import permutations

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.pilots.transport import Geometry, transport_cost


def test_the_cost_is_that_of_the_best_assignment_of_six_to_six() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        cost = rng.random((6, 6))
        best = min(sum(cost[row, column] for row, column in enumerate(order)) for order in permutations(range(6))) / 6
        assert transport_cost(cost, np.full(6, 1 / 6), np.full(6, 1 / 6)) == pytest.approx(best)


def test_a_mixture_of_the_targets_own_parts_is_at_distance_0_and_another_is_not() -> None:
    left, right = np.zeros((4, 2)), np.full((4, 2), 3.0)
    geometry = Geometry([left, right], np.vstack([left, left, left, right]))
    distances = geometry.distances(np.array([[0.75, 0.25], [1.0, 0.0], [0.0, 1.0]]))
    assert distances == pytest.approx([0.0, 0.25 * 18**0.5, 0.75 * 18**0.5])


def test_more_points_than_are_used_are_sampled_by_the_seed() -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    one, same, other = (Geometry([points, points + 1], points, seed, most=20) for seed in (0, 0, 1))
    asked = np.array([[0.5, 0.5]])
    assert one.distances(asked) == same.distances(asked) != other.distances(asked)
    with pytest.raises(SetupError, match="a source or the target has no rows"):
        Geometry([points, np.zeros((0, 2))], points)
