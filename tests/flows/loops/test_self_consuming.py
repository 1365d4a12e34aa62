"""The self-consuming simulation of twenty atoms: pure own data collapse, and half of real data keep the loop alive.

Each problem has twenty solutions, of which those of positive reward are right. A round draws from the model, keeps 1 of K
by exp(reward), and the next model is the mixture of these with real data (curated retraining, Ferbach et al. 2024).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from rollmill.flows.loops.answers import ModelAnswers
from rollmill.flows.loops.loop_recipe import LoopStop
from rollmill.flows.loops.monitor import alarms, measured, stop_reason
from rollmill.flows.trials.students import StudentCounts
from rollmill.stats.trials.counts import ArmCounts

ATOMS, K, PROBLEMS, DRAWS, SAMPLES, ROUNDS = 20, 4, 200, 100, 8, 12
REWARDS = np.linspace(-2.0, 2.0, ATOMS)
Floats = npt.NDArray[np.float64]


def drawn(models: Floats, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(P, count): atoms drawn from the model of each problem, (P, ATOMS)."""
    ends = models.cumsum(axis=1)
    places = (rng.random((len(models), count, 1)) > ends[:, None, :]).sum(axis=2)
    return np.asarray(np.minimum(places, ATOMS - 1), dtype=np.int64)


def retrained(models: Floats, real_share: float, rng: np.random.Generator) -> Floats:
    """The models trained on curated draws of themselves and a share of real data, which are uniform over the atoms."""
    candidates = drawn(models, DRAWS * K, rng).reshape(len(models), DRAWS, K)
    noise = rng.gumbel(size=candidates.shape)  # the greatest reward + Gumbel noise is a draw by exp(reward)
    best = np.take_along_axis(candidates, (REWARDS[candidates] + noise).argmax(axis=2)[..., None], axis=2)[..., 0]
    own = np.stack([np.bincount(row, minlength=ATOMS) for row in best]) / DRAWS
    return (1 - real_share) * own + real_share / ATOMS


def looked_at(models: Floats, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], ModelAnswers]:
    """Right completions of each problem among SAMPLES, and its distinct right solutions."""
    atoms = drawn(models, SAMPLES, rng)
    right = [[int(atom) for atom in row if REWARDS[atom] > 0] for row in atoms]
    distinct = {("b", str(place)): len(set(row)) for place, row in enumerate(right) if row}
    return np.array([len(row) for row in right]), ModelAnswers(distinct, sum(map(len, right)))


def looped(
    real_share: float, seed: int = 3, most: int = ROUNDS
) -> tuple[list[dict[str, object]], str | None, list[Floats]]:
    """The rounds until the loop stops, the reason, and the models of every round."""
    rng = np.random.default_rng(seed)
    models = [np.full((PROBLEMS, ATOMS), 1 / ATOMS)]
    looks = [looked_at(models[0], rng)]
    rounds: list[dict[str, object]] = []
    for number in range(1, most + 1):
        models.append(retrained(models[-1], real_share, rng))
        looks.append(looked_at(models[-1], rng))
        arms = {
            f"r{place}": ArmCounts(np.full((1, PROBLEMS), SAMPLES), right[None, :])
            for place, (right, _) in enumerate(looks)
        }
        keys = [("b", str(place)) for place in range(PROBLEMS)]
        counts = StudentCounts(keys, [None] * PROBLEMS, arms, dict.fromkeys(arms, 1.0))
        rounds.append({"round": number, **measured(counts, number, 0.05 / most, [answers for _, answers in looks])})
        reason = stop_reason(rounds, LoopStop(collapse=2))
        if reason is not None:
            return rounds, reason, models
    return rounds, None, models


def entropy(models: Floats) -> float:
    logs = np.log(np.where(models > 0, models, 1.0))
    return float(-(models * logs).sum(axis=1).mean())


def rewards(models: Sequence[Floats]) -> list[float]:
    return [float((one @ REWARDS).mean()) for one in models]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_pure_own_data_collapse_and_half_of_real_data_do_not(seed: int) -> None:
    rounds, reason, models = looped(0.0, seed)
    assert reason is not None
    assert reason.startswith("collapse: answers became fewer in 2 rounds in a row while pass@1 did not fall")
    assert "distinct solutions by" in reason
    assert len(rounds) < ROUNDS
    assert alarms(rounds)
    gained = rewards(models)
    assert gained == sorted(gained)  # the reward says that all is well
    kept, still, mixed = looped(0.5, seed)
    assert still is None
    assert len(kept) == ROUNDS
    assert entropy(mixed[-1]) > entropy(models[-1]) + 0.3
    assert rewards(mixed)[-1] > rewards(mixed)[0]


def test_a_step_tends_to_the_tilted_distribution_as_k_grows() -> None:
    """One step of 1 of K by exp(reward) from p is p e^r / E[e^r] in the limit; here by brute force at K = 2 and K = 64."""
    rng = np.random.default_rng(1)
    p = np.full(ATOMS, 1 / ATOMS)
    limit = p * np.exp(REWARDS) / (p * np.exp(REWARDS)).sum()

    def step(k: int) -> Floats:
        candidates = rng.integers(ATOMS, size=(40_000, k))
        best = (REWARDS[candidates] + rng.gumbel(size=candidates.shape)).argmax(axis=1)
        chosen = candidates[np.arange(len(candidates)), best]
        return np.bincount(chosen, minlength=ATOMS) / len(chosen)

    distances = [float(np.abs(step(k) - limit).sum() / 2) for k in (2, 64)]
    assert distances[0] > 2 * distances[1]
    assert distances[1] < 0.03
