"""Coverage of N draws as a loss."""

from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses.sums import per_sequence
from rollmill.pipelines.train.roles import TokenBatch

UNDERFLOW = -700.0  # log-probability below which exp() is 0 in double precision, or nearly


class DcoLoss:
    """Direct coverage optimisation (Chen et al. 2025): -log(1 - (1 - p)^N) of a completion's probability p, mean over rows.

    The gradient is cross-entropy's times N p (1-p)^(N-1) / (1 - (1-p)^N), so that a text that N draws would give anyway is
    trained no further. N 1 is the cross-entropy of whole completions.

    `n`: number of draws.
    """

    name, version = "dco", "1"
    formats, column = ("prompt_completion",), None
    grouped, uses_reference = False, False

    def __init__(self, n: int = 16) -> None:
        if n < 1:
            raise SetupError(f"n is {n}; it must be 1 or more.")
        self.n = n

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """The mean over rows, in double precision where N is above 1."""
        import math

        import torch

        del reference
        whole = per_sequence(batch, logps)
        if self.n == 1:
            return -whole.mean()
        whole = whole.double()
        # At p = 1 the loss is 0 and its derivative is 0 * infinity; far below, the factor is N p / (N p) = 1.
        inside = whole.clamp(min=UNDERFLOW, max=-1e-12)
        missed = self.n * torch.log1p(-torch.exp(inside))
        covered = -torch.log(-torch.expm1(missed))
        return torch.where(whole > UNDERFLOW, covered, -(whole + math.log(self.n))).mean().to(logps.dtype)
