"""Set method `margin_correct`: the game as a linear programme, and a teacher that errs where the student is unsure."""

import numpy as np
import pytest
from scipy.optimize import linprog

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.best import Best
from rollmill.pipelines.mix.table import MixUnits
from rollmill.pipelines.mix.uniform import Uniform
from rollmill_mixing.selection.margin_correct import MarginCorrect, worst_case_weights


def certain_gain(weights: Floats, gains: Floats, wrong: float) -> float:
    """The gain that is left when the adversary takes the best labels, the last one in part."""
    losses = np.sort(weights * gains)[::-1]
    whole = int(wrong)
    return float(losses.sum() - losses[:whole].sum() - (wrong - whole) * (losses[whole] if whole < len(losses) else 0.0))


def test_the_weights_solve_the_game() -> None:
    generator = np.random.default_rng(1)
    for _ in range(30):
        gains, wrong = generator.uniform(0.05, 1, 8), float(generator.integers(0, 6))
        # Chances q, level l and excess m: largest (8 - wrong) l - sum m with l - m_i <= q_i g_i.
        solved = linprog(
            np.concatenate([np.zeros(8), [-(8 - wrong)], np.ones(8)]),
            A_ub=np.hstack([-np.diag(gains), np.ones((8, 1)), -np.eye(8)]),
            b_ub=np.zeros(8),
            A_eq=[[*np.ones(8), 0.0, *np.zeros(8)]],
            b_eq=[1.0],
        )
        weights = worst_case_weights(gains, wrong)
        assert weights.sum() == pytest.approx(1.0)
        assert certain_gain(weights, gains, wrong) == pytest.approx(-solved.fun, abs=1e-9)


def table(error_of_hard: float, seed: int) -> tuple[MixUnits, Floats]:
    """400 problems, a teacher's error by difficulty, and the gain of each label: the margin if right, a loss of it else."""
    generator = np.random.default_rng(seed)
    margin = generator.random(400)
    correct = 1 - error_of_hard * margin**2
    right = generator.random(400) < correct
    units = MixUnits([f"p{place:03}" for place in range(400)], {"margin": margin, "correct": correct})
    return units, np.where(right, margin, -margin)


@pytest.mark.parametrize("error_of_hard", [0.0, 0.9])
def test_it_is_no_worse_than_chance_and_better_than_uncertainty_where_the_teacher_errs(error_of_hard: float) -> None:
    gains: dict[str, list[float]] = {}
    for seed in range(30):
        units, worth = table(error_of_hard, seed)
        for method in (MarginCorrect("margin", "correct"), Best("margin"), Uniform()):
            picks = list(method.choose(units, 60, seed).picks)
            gains.setdefault(method.name, []).append(float(worth[picks].mean()))
    means = {name: float(np.mean(values)) for name, values in gains.items()}
    assert means["margin_correct"] > means["uniform"] - 0.02
    if error_of_hard:
        assert means["margin_correct"] > means["best"] + 0.1


def test_edges() -> None:
    assert worst_case_weights(np.array([0.5, 0.2]), 2.0).tolist() == [0.5, 0.5]
    assert worst_case_weights(np.array([0.5, 0.2]), 0.0).sum() == pytest.approx(1.0)
    units = MixUnits(["a"], {"margin": np.array([2.0]), "correct": np.array([1.0])})
    with pytest.raises(SetupError, match="'margin' has values outside 0 to 1"):
        MarginCorrect("margin", "correct").choose(units, 1, 0)
