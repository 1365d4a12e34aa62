"""Allocators over lists of demonstrations: their parts by brute force, what they find by enumeration and chance."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.optimize import check_grad

from rollmill.pipelines.allocate.allocation_rounds import Allocation, allocate
from rollmill.pipelines.allocate.arms import Arm, Pull
from rollmill_mixing.allocators.lists.bridge import Bridge, improvement
from rollmill_mixing.allocators.lists.demonstrations import Doubles, inclusion, positions
from rollmill_mixing.allocators.lists.ease import Ease
from rollmill_mixing.allocators.lists.hamming_process import HammingProcess, _loss
from rollmill_mixing.allocators.lists.list_network import ListNetwork

Values = Callable[[Sequence[str]], float]


def allocated(allocator: Bridge | Ease, lists: Mapping[str, Sequence[str]], value: Values, seed: int) -> Allocation:
    def pulls(arm: str, first: int, count: int) -> list[Pull]:
        return [Pull(1, value(lists[arm]))] * count

    return allocate(allocator, dict.fromkeys(lists), pulls, seed=seed)


def test_lists_have_their_items_and_their_places() -> None:
    assert inclusion([["a", "c"], ["b"], []]).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert positions([["c", "a"], ["b"]]).tolist() == [[0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_the_process_has_the_gradient_of_its_density_and_meets_what_it_was_told() -> None:
    generator = np.random.default_rng(1)
    points = generator.integers(0, 2, (20, 5)).astype(float)
    values = points[:, 0] + 0.5 * points[:, 3] + 0.01 * generator.normal(size=20)
    apart = np.abs(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1)
    target, pulls = (values - values.mean()) / values.std(), np.full(20, 2.0)
    for _ in range(5):
        logs = generator.normal(-1, 1, 7)
        of = (apart, target, pulls)
        error = check_grad(lambda at, *of: _loss(at, *of)[0], lambda at, *of: _loss(at, *of)[1], logs, *of)
        assert error < 1e-3 * max(1.0, float(np.abs(_loss(logs, *of)[1]).max()))
    process = HammingProcess.fit(points, values, pulls)
    means, errors = process.predict(points)
    assert np.abs(means - values).max() < 0.1
    assert set(np.argsort(process.weights)[-2:].tolist()) == {0, 3}
    kernel = process.scale * np.exp(-np.abs(points[:, None] - points[None]) @ process.weights)
    brute = np.linalg.inv(process.factor @ process.factor.T)
    assert np.allclose(means, process.centre + process.spread * kernel @ brute @ target)
    assert np.allclose(errors, process.spread * np.sqrt(np.diag(process.scale - kernel @ brute @ kernel)), atol=1e-4)


def test_expected_improvement_is_the_mean_of_what_is_above() -> None:
    drawn = np.random.default_rng(2).normal(-0.2, 0.5, 400_000)
    hoped = improvement(np.array([-0.2, 0.3, -0.3]), np.array([0.5, 0.0, 0.0]))
    assert np.allclose(hoped, [np.maximum(drawn, 0).mean(), 0.3, 0.0], atol=0.002)


def test_the_uncertainty_of_the_network_is_that_of_its_gradient() -> None:
    generator = np.random.default_rng(3)
    points = generator.integers(0, 2, (12, 4)).astype(float)
    values = points[:, 0] * points[:, 1] - points[:, 3]
    network = ListNetwork.fit(points, values, 3, 0.1, 0)

    def value(weights: Doubles, point: Doubles) -> float:
        return float(ListNetwork(weights, network.initial, 4).values(point[None])[0])

    def gradient(point: Doubles) -> Doubles:
        steps = np.eye(len(network.weights)) * 1e-6
        weights = network.weights
        return np.array([value(weights + step, point) - value(weights - step, point) for step in steps]) / 2e-6

    information = 0.1 + sum(gradient(point) ** 2 for point in points[:5])
    brute = [np.sqrt((gradient(point) ** 2 / information).sum()) for point in points]
    assert np.allclose(network.uncertainty(points, points[:5], 0.1), brute, rtol=1e-4)
    before = ListNetwork(network.initial, network.initial, 4).values(points)
    assert np.square(network.values(points) - values).mean() < 0.5 * np.square(before - values).mean()


def test_a_total_that_is_spent_ends_it_and_an_arm_without_a_verdict_is_not_known() -> None:
    lists = {"ab": ("a", "b"), "a": ("a",), "none": ()}
    for allocator in (Bridge(total=5, batch=2, lists=lists), Ease(total=5, batch=2, lists=lists)):
        assert sum(allocator.next({name: Arm() for name in lists}, {}, 1).values()) <= 5
        lost = {name: Arm((Pull(0, 0.0),) * 2) for name in lists}
        assert sorted(allocator.answer(lost, {}, 1)) == sorted(lists)
        full = {name: Arm((Pull(1, 1.0),) * 2) for name in lists}
        assert allocator.next(full, {}, 1) == {}


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(3))
def test_bridge_finds_the_best_subset_of_4096_within_60_evaluations(seed: int) -> None:
    items = [f"d{n:02}" for n in range(12)]
    lists = {"+".join(some) or "none": some for size in range(13) for some in combinations(items, size)}
    good = {"d02": 0.2, "d05": 0.15, "d11": 0.1}

    def value(some: Sequence[str]) -> float:
        return 0.3 + sum(good.get(item, -0.01) for item in some) + (0.05 if {"d02", "d05"} <= set(some) else 0.0)

    best = max(lists, key=lambda name: value(lists[name]))
    assert (best, len(lists)) == ("d02+d05+d11", 4096)
    done = allocated(Bridge(total=60, batch=1, first=10, lists=lists), lists, value, seed)
    assert (done.cost, done.answer[0]) == (60, best)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_the_best_of_165_lists_by_ease_beats_that_by_chance_in_95_of_100_runs() -> None:
    items = [f"d{n}" for n in range(8)]
    lists = {"".join(some): some for some in permutations(items, 4)}
    better = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        worth, places = dict(zip(items, generator.normal(0, 0.1, 8), strict=True)), np.array([0.4, 0.6, 0.8, 1.0])

        def value(some: Sequence[str], worth: Mapping[str, float] = worth, places: Doubles = places) -> float:
            return 0.5 + float(sum(place * worth[item] for place, item in zip(places, some, strict=True)))

        done = allocated(Ease(total=165, batch=1, first=40, arms=10, width=16, lists=lists), lists, value, seed)
        names = sorted(lists)
        chance = max(value(lists[names[at]]) for at in generator.permutation(len(names))[:165])
        better += value(lists[done.answer[0]]) > chance or value(lists[done.answer[0]]) == max(map(value, lists.values()))
    assert better >= 19
