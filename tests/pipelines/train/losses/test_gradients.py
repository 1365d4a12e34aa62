"""What every loss must do on a batch: the same finite value and gradient for the same batch."""

import math

import pytest

from rollmill.pipelines.train.losses import LOSSES
from tests.pipelines.train.token_rows import batch_of

PAIRED = batch_of(
    [3, 2, 1, 3], sides=[1, -1, 1, -1], rows=[0, 0, 1, 1], groups=[0, 0, 1, 1], weights=[1.0, 1.0, -0.5, -0.5]
)
SINGLE = batch_of([3, 2, 1, 3], groups=[0, 0, 1, 2], weights=[1.0, 0.5, -0.5, 2.0])
LABELLED = batch_of([3, 2, 1, 3], sides=[1, -1, -1, 1])
BATCHES = {"pairs": PAIRED, "prompt_completion": SINGLE, "unpaired": LABELLED, "prompts": SINGLE}


@pytest.mark.train
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_value_and_gradient_are_finite_and_the_same_twice(name: str) -> None:
    import torch

    loss = LOSSES[name]()
    chance = torch.Generator().manual_seed(7)
    start, reference = (-torch.rand(9, generator=chance) * 4 for _ in range(2))
    batch = next(BATCHES[form] for form in loss.formats if form in BATCHES)
    seen = []
    for _ in range(2):
        logps = start.clone().requires_grad_()
        result = loss(batch, logps, reference if loss.uses_reference else None)
        result.backward()
        assert logps.grad is not None
        assert math.isfinite(float(result.detach()))
        assert bool(torch.isfinite(logps.grad).all())
        assert float(logps.grad.abs().sum()) > 0
        seen.append((float(result.detach()), logps.grad.tolist()))
    assert seen[0] == seen[1]
