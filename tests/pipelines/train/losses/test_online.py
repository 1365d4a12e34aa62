"""The losses over drawn completions: options that they refuse, and their gradient by hand."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.roles import DrawsCompletions
from tests.pipelines.train.token_rows import batch_of

REWARDED = batch_of([1, 2, 1, 2, 1], groups=[0, 0, 0, 1, 1], weights=[1.0, 0.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("name", ["grpo", "rloo"])
def test_options_out_of_range_are_refused(name: str) -> None:
    assert isinstance(LOSSES[name](), DrawsCompletions)
    assert not isinstance(LOSSES["sft"](), DrawsCompletions)
    for option, value, said in [
        ("generations", 1, "2 or more"), ("max_tokens", 0, "above 0"), ("temperature", 0.0, "above 0"),
        ("beta", -0.1, "0 or more"), ("redraws", -1, "0 or more"),
    ]:  # fmt: skip
        with pytest.raises(SetupError, match=f"{option} is {value}.*{said}"):
            LOSSES[name](**{option: value})


@pytest.mark.train
@pytest.mark.parametrize(
    ("name", "gradient"),
    [
        # Rewards 1, 0, 0.5 deviate by 0.5 around 0.5; the second group has one reward and teaches nothing. Over 7 tokens.
        ("grpo", np.array([-1, 1, 1, 0, 0, 0, 0]) * 0.5 / (0.5 + 1e-4) / 7),
        # Less the mean of the others: 1 - .25, 0 - .75, .5 - .5. Over 5 completions.
        ("rloo", np.array([-0.75, 0.75, 0.75, 0, 0, 0, 0]) / 5),
    ],
)
def test_the_gradient_is_the_advantage_by_hand(name: str, gradient: "np.typing.NDArray[np.float64]") -> None:
    import torch

    logps = (-torch.arange(1.0, 8.0, dtype=torch.float64)).requires_grad_()
    loss = LOSSES[name]()(REWARDED, logps, None)
    loss.backward()
    assert logps.grad is not None
    assert logps.grad.numpy() == pytest.approx(gradient, abs=1e-12)
