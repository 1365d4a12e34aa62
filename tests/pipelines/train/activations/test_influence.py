"""Influence against what it estimates: the target's loss after the last attention is trained without each row."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.synthesize.splits import worked_problems
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.train.activations.forward import Weights, states_before
from rollmill.pipelines.train.activations.gradients import PARTS, token_gradients
from rollmill.pipelines.train.activations.influence import Curvature, Direction, curvatures
from rollmill.pipelines.train.activations.target_signals import CodeSettings, Target, target_signals
from rollmill.pipelines.train.activations.token_rows import TokenRows, padded, token_row
from rollmill.pipelines.train.llama_folder import LlamaFolder
from tests.pipelines.train.activations.test_gradients import llama

TRAINED, AIMED = 10, 4
PULL = 0.01  # towards the start, so that the optimum exists


def texts(levels: tuple[int, ...], count: int, seed: int) -> list[tuple[str, str]]:
    """Problems of the templates with their worked solutions."""
    return list(worked_problems("train", seed, count, levels))


class LastAttention:
    """The last layer's attention matrices as one vector, trained on rows with a pull to the start."""

    def __init__(self, model: LlamaFolder, trained: TokenRows, aimed: TokenRows) -> None:
        self.weights: Weights = {name: value.astype(np.float64) for name, value in model.weights.items()}
        self.shape, self.trained, self.aimed = model.shape, trained, aimed
        last = self.shape.num_hidden_layers - 1
        self.names = [f"model.layers.{last}.self_attn.{part}_proj.weight" for part in PARTS]
        self.x, self.y = (states_before(self.weights, self.shape, batch.ids, last) for batch in (trained, aimed))
        self.start: Floats = np.concatenate(
            [np.asarray(self.weights[name], dtype=np.float64).ravel() for name in self.names]
        )

    def at(self, vector: Floats) -> Weights:
        parts = np.split(vector, len(self.names))
        return {**self.weights, **{name: part.reshape(128, 128) for name, part in zip(self.names, parts, strict=True)}}

    def loss(self, vector: Floats, keep: Sequence[int]) -> tuple[float, Floats]:
        rows = self.trained
        batch = TokenRows(keep, rows.ids[keep], rows.answers[keep], rows.known[keep])
        gradients = token_gradients(self.at(vector), self.shape, self.x[keep], batch)
        moved = vector - self.start
        slope = np.concatenate([gradients.total(part).ravel() for part in PARTS])
        return (
            float(gradients.losses.sum() / len(rows.ids) + PULL / 2 * moved @ moved),
            slope / len(rows.ids) + PULL * moved,
        )

    def optimum(self, begin: Floats, keep: Sequence[int]) -> Floats:
        options = {"maxiter": 25, "gtol": 1e-6}
        return np.asarray(minimize(self.loss, begin, args=(keep,), jac=True, method="L-BFGS-B", options=options).x)

    def target(self, vector: Floats) -> float:
        return float(token_gradients(self.at(vector), self.shape, self.y, self.aimed).losses.mean())


@pytest.mark.integration
def test_influence_ranks_rows_as_leaving_each_out_of_the_training_does() -> None:
    rows = [token_row(llama(), *pair) for pair in texts((1, 2), TRAINED + AIMED, 4)]
    training = LastAttention(llama(), padded(rows, range(TRAINED)), padded(rows, range(TRAINED, TRAINED + AIMED)))
    everything = list(range(TRAINED))
    best = training.optimum(training.start, everything)
    changes = [
        training.target(training.optimum(best, [other for other in everything if other != row])) - training.target(best)
        for row in everything
    ]
    for vector in (training.start, best):
        weights = training.at(vector)
        pool = token_gradients(weights, training.shape, training.x, training.trained)
        aim = token_gradients(weights, training.shape, training.y, training.aimed)
        assert spearmanr(Direction.to([aim]).influence(pool), changes).statistic > 0.85
        curved = Direction.to([aim], curvatures([pool, aim]))
        assert spearmanr(curved.influence(pool), changes).statistic > 0.3
        assert curved.influence(aim).mean() > 0


def test_the_inverse_curvature_is_that_of_the_kronecker_product() -> None:
    random = np.random.default_rng(1)
    inputs, outputs, gradient = random.normal(size=(9, 3)), random.normal(size=(9, 2)), random.normal(size=(2, 3))
    curvature = Curvature(inputs.T @ inputs / 9, outputs.T @ outputs / 9)
    whole = np.kron(curvature.outputs, curvature.inputs)
    assert curvature.solved(gradient, 0.0).ravel() == pytest.approx(np.linalg.solve(whole, gradient.ravel()))


def test_influence_without_curvature_is_the_gradients_dot_product() -> None:
    rows = [token_row(llama(), *pair) for pair in texts((1,), 4, 2)]
    training = LastAttention(llama(), padded(rows, [0, 1, 2]), padded(rows, [3]))
    pool = token_gradients(training.weights, training.shape, training.x, training.trained)
    aim = token_gradients(training.weights, training.shape, training.y, training.aimed)
    _, slope = training.loss(training.start, [1])
    whole = np.concatenate([aim.total(part).ravel() for part in PARTS])
    assert Direction.to([aim]).influence(pool)[1] == pytest.approx(3 * slope @ whole, rel=1e-4)


@pytest.mark.integration
def test_sparse_activations_find_rows_of_the_targets_template() -> None:
    """Of 216 problems 5 are the target: the nearest others have its template far more often than chance."""
    problems = list(Templates(levels=[1, 2], split="train").synthesize(216, 3))
    pairs = [(str(problem.prompt), f"#### {problem.reference}") for problem in problems]
    folder, settings, precision = llama().folder, CodeSettings(layer=1, units=256, steps=60), []
    for template in ("divisor", "clubs", "tank"):
        members = [at for at, problem in enumerate(problems) if problem.template == template]
        aim, others = members[:5], [at for at in range(len(problems)) if at not in members[:5]]
        signals = target_signals(folder, [pairs[at] for at in others], Target([pairs[at] for at in aim]), settings, 1)
        same = np.array([problems[at].template == template for at in others])
        nearest = np.argsort(-signals.similarities.mean(axis=1), kind="stable")[: int(same.sum())]
        precision.append(same[nearest].mean())
        assert same.mean() < 0.05
    assert np.mean(precision) > 0.7
    assert signals.explained > 0.2  # after 60 steps
    again = target_signals(folder, [pairs[at] for at in others], Target([pairs[at] for at in aim]), settings, 1)
    assert (again.similarities == signals.similarities).all()
    assert (again.influence == signals.influence).all()
    behind = ("What is 1 plus 1? " * 400, "#### 2")
    signals = target_signals(folder, [behind, pairs[0]], Target([pairs[1]]), settings, 1)
    assert np.isnan([signals.losses[0], signals.influence[0]]).all()
    assert signals.losses[1] > 0
    with pytest.raises(SetupError, match="every prompt of the target fills"):
        target_signals(folder, pairs[:2], Target([behind]), settings, 1)
    with pytest.raises(SetupError, match="layer is 4"):
        target_signals(folder, pairs[:2], Target(pairs[2:3]), CodeSettings(layer=4), 1)
