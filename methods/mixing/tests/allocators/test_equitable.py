"""Allocator `equitable`: fitted curves, and its regret to the best allocation beside equal and proportional ones."""

from itertools import product

import numpy as np
import pytest

from rollmill.pipelines.allocate.allocation_rounds import allocate
from rollmill.pipelines.allocate.arms import Arm, Pull
from rollmill_mixing.allocators.equitable import Equitable, LearningCurve, fitted_curve

CURVES = {
    "a": LearningCurve(0.05, 0.5, 1.0),
    "b": LearningCurve(0.10, 0.8, 0.3),
    "c": LearningCurve(0.02, 0.6, 0.6),
}
TOTAL = 60


def objective(batches: tuple[int, ...], power: float) -> float:
    return float(np.mean([curve.loss(n) ** power for curve, n in zip(CURVES.values(), batches, strict=True)]))


def best(power: float) -> float:
    return min(objective((a, b, TOTAL - a - b), power) for a, b in product(range(1, TOTAL), repeat=2) if a + b < TOTAL)


def spent(seed: int, power: float, examples: int = 2_000) -> tuple[int, ...]:
    generator = np.random.default_rng(seed)

    def pulls(name: str, first: int, count: int) -> list[Pull]:
        losses = [CURVES[name].loss(place + 1) for place in range(first, first + count)]
        return [Pull(examples, float(generator.binomial(examples, 1 - loss))) for loss in losses]

    done = allocate(Equitable(total=TOTAL, batch=4, power=power), dict.fromkeys(CURVES), pulls, seed=seed)
    return tuple(len(done.arms[name].pulls) for name in CURVES)


def test_a_curve_without_noise_is_found_again() -> None:
    curve = LearningCurve(0.1, 0.6, 0.5)
    exact = Arm(tuple(Pull(1, 1 - curve.loss(n)) for n in range(1, 20)))
    assert fitted_curve(exact).loss(40) == pytest.approx(curve.loss(40), abs=1e-6)
    assert fitted_curve(Arm()).loss(1) == 1.0
    flat = fitted_curve(Arm((Pull(4, 1.0),) * 5))
    assert flat.loss(5) == pytest.approx(flat.loss(50)) == pytest.approx(0.75)


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_its_regret_to_the_best_allocation_is_small(power: float) -> None:
    values = [objective(spent(seed, power), power) for seed in range(8)]
    equal = objective((TOTAL // 3,) * 3, power)
    proportional = objective((30, 10, 20), power)  # to how often the groups occur
    regret = float(np.mean(values)) - best(power)
    assert 0 <= regret < 0.3 * (equal - best(power))
    assert regret < 0.1 * (proportional - best(power))


def test_a_dear_group_gets_fewer_batches() -> None:
    def pulls(name: str, first: int, count: int) -> list[Pull]:
        del name
        return [Pull(1, 1 - 0.9 * (place + 1) ** -0.5) for place in range(first, first + count)]

    done = allocate(Equitable(total=60, batch=2), dict.fromkeys("ab"), pulls, costs={"a": 1.0, "b": 3.0})
    assert len(done.arms["b"].pulls) < len(done.arms["a"].pulls)
    assert done.answer[0] == "b"
