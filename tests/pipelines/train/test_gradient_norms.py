"""Gradient norms: by finite differences along the gradient, by problem, at most four completions of each."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.gradient_norms import gradient_norms
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.rows import encoding, read_rows
from rollmill.pipelines.train.token_batches import token_batch
from tests.pipelines.train.student_files import small_model, sums, written

pytestmark = pytest.mark.train


def test_a_norm_is_the_slope_of_the_log_probability_along_its_gradient(tmp_path: Path) -> None:
    import torch

    from rollmill.pipelines.train.learners.tiny import token_logps

    model, rows = small_model(tmp_path / "small"), written(tmp_path / "rows.jsonl", sums(2))
    got = gradient_norms(model, rows)
    assert list(got) == ["p0"]
    llama = LlamaFolder.open(model)
    encoded = read_rows(rows, encoding(llama.tokenizer), llama.shape.max_position_embeddings)
    squares = []
    for place in (0, 1):
        batch = token_batch(encoded, [place])
        start = {
            name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in llama.weights.items()
        }
        logp = token_logps(start, llama.shape, batch).sum()
        slopes = dict(zip(start, torch.autograd.grad(logp, list(start.values())), strict=True))
        norm = sum(float((slope**2).sum()) for slope in slopes.values()) ** 0.5

        def moved(by: float) -> float:
            at = {name: value.detach() + by * slopes[name] / norm for name, value in start.items()}  # noqa: B023
            return float(token_logps(at, llama.shape, batch).sum())  # noqa: B023

        squares.append(((moved(1e-4) - moved(-1e-4)) / 2e-4) ** 2)
    assert got["p0"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)


def test_four_completions_of_a_problem_are_enough(tmp_path: Path) -> None:
    model = small_model(tmp_path / "small")
    five = [{**row, "problem_id": "p"} for row in sums(5)]
    four, all_of_them = (gradient_norms(model, written(tmp_path / f"{n}.jsonl", five[:n])) for n in (4, 5))
    assert four == all_of_them
