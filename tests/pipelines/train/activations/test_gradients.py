"""NumPy's forward pass and gradients: against the engine's log-probabilities, and finite differences."""

from functools import cache

import numpy as np
import pytest

from rollmill.ground.pool import Floats
from rollmill.ground.records import Origin, Problem, Sampling, request_for
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.train.activations.forward import states_before
from rollmill.pipelines.train.activations.gradients import PARTS, token_gradients
from rollmill.pipelines.train.activations.token_rows import TokenRow, batches, padded, token_row
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.places import CHECKOUT

PAIRS = [
    ("Tom has 12 apples and finds 7 apples. How many apples does Tom have now?", "12 + 7 = 19\n#### 19"),
    ("Ann reads 3 pages a day for 5 days. How many pages does she read?", "3 * 5 = 15\n#### 15"),
    ("A box holds 8 pens. How many pens are in 4 boxes?", "8 * 4 = 31\n#### 31"),
]


@cache
def llama() -> LlamaFolder:
    return LlamaFolder.open(CHECKOUT / "models/rollmill-tiny")


def rows() -> list[TokenRow]:
    return [token_row(llama(), *pair) for pair in PAIRS]


def losses(weights: dict[str, Floats], batch: list[int]) -> Floats:
    shape = llama().shape
    padded_rows = padded(rows(), batch)
    x = states_before(weights, shape, padded_rows.ids, shape.num_hidden_layers - 1)
    return token_gradients(weights, shape, x, padded_rows).losses


def test_losses_are_the_engines_log_probabilities() -> None:
    engine = Embedded("models/rollmill-tiny")
    origin = Origin(engine.engine, engine.model_digest, "pilot", recipe_seed=1)
    problem = Problem(PAIRS[0][0], "19")
    drawn = next(iter(engine.generate([request_for(problem, engine.render(problem.prompt), Sampling(), origin, 0)])))
    engine.close()
    row = token_row(llama(), PAIRS[0][0], drawn.text)
    batch = padded([row, *rows()], [0, 1, 2])
    shape = llama().shape
    x = states_before(llama().weights, shape, batch.ids, shape.num_hidden_layers - 1)
    found = token_gradients(llama().weights, shape, x, batch).losses[0]
    assert drawn.finish_reason == "stop"
    assert drawn.logprob_sum is not None
    assert found == pytest.approx(-drawn.logprob_sum / (len(row.ids) - row.answer), rel=1e-4)


def test_gradients_are_finite_differences() -> None:
    weights = {name: value.astype(np.float64) for name, value in llama().weights.items()}
    shape, random = llama().shape, np.random.default_rng(1)
    batch = padded(rows(), [0, 1, 2])
    x = states_before(weights, shape, batch.ids, shape.num_hidden_layers - 1)
    found = token_gradients(weights, shape, x, batch)
    for part in PARTS:
        name = f"model.layers.{shape.num_hidden_layers - 1}.self_attn.{part}_proj.weight"
        direction = random.normal(size=weights[name].shape)
        step = 1e-5
        ends = [losses({**weights, name: weights[name] + sign * step * direction}, [0, 1, 2]).sum() for sign in (1, -1)]
        assert (found.total(part) * direction).sum() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5), part


def test_a_row_does_not_depend_on_its_neighbours_and_batches_have_every_row_once() -> None:
    weights = {name: value.astype(np.float64) for name, value in llama().weights.items()}
    together, alone = losses(weights, [0, 1, 2]), [losses(weights, [at])[0] for at in range(3)]
    assert together == pytest.approx(alone, rel=1e-9)
    many = [TokenRow([5] * length, 1) for length in range(2, 120)]
    assert sorted(place for batch in batches(many) for place in batch.places) == list(range(118))
