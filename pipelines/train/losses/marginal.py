"""Marginal likelihood over the solutions of a problem."""

from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses.sums import per_sequence
from rollmill.pipelines.train.roles import TokenBatch


class MmlLoss:
    """Maximum marginal likelihood over a problem's solutions y: -(1/beta) log sum_y p(y|x)^beta, mean over problems.

    beta 1 is MML, a smaller one beta-MML (Ni et al. 2023): it spreads the gradient over more solutions. All solutions of a
    problem are in one batch. A problem with one solution has the loss -log p(y|x).

    `beta`: exponent of the probabilities, above 0 and at most 1.
    """

    name, version = "mml", "1"
    formats, column = ("prompt_completion",), None
    grouped, uses_reference = True, False

    def __init__(self, beta: float = 1.0) -> None:
        if not 0 < beta <= 1:
            raise SetupError(f"beta is {beta}; it must be above 0 and at most 1.")
        self.beta = beta

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Mean over problems of the scaled negative log-sum-exp."""
        import torch

        del reference
        scaled = self.beta * per_sequence(batch, logps)
        group = torch.from_numpy(batch.group)
        problems = int(batch.group.max()) + 1
        largest = torch.full((problems,), -torch.inf, dtype=scaled.dtype).scatter_reduce(0, group, scaled.detach(), "amax")
        total = torch.zeros(problems, dtype=scaled.dtype).index_add(0, group, torch.exp(scaled - largest[group]))
        return -((torch.log(total) + largest) / self.beta).mean()
