"""Losses over a chosen and a rejected completion of each row."""

from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses.sums import lengths, per_sequence, sided
from rollmill.pipelines.train.roles import TokenBatch

PAIRS = ("pairs", "ranked_pairs", "redi")


class DpoLoss:
    """Direct preference optimisation (Rafailov et al. 2023, equation 7) against the initial model; mean over rows.

    `beta`: how far the model may leave the initial one; small values let it go far.
    """

    name, version = "dpo", "1"
    formats, column = PAIRS, None
    grouped, uses_reference = False, True

    def __init__(self, beta: float = 0.1) -> None:
        if beta <= 0:
            raise SetupError(f"beta is {beta}; it must be above 0.")
        self.beta = beta

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Mean of -log sigmoid(beta * (chosen log-ratio - rejected log-ratio))."""
        import torch.nn.functional as f

        chosen, rejected = sided(batch, per_sequence(batch, logps - reference))
        return -f.logsigmoid(self.beta * (chosen - rejected)).mean()


class KtoLoss:
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024, equation 8) of single labelled completions; mean over rows.

    `desirable`: weight of rows with a right completion. `undesirable`: weight of rows with a wrong one. `beta`: how far the
    model may leave the initial one; small values let it go far.

    The reference point is the mean log-ratio of the batch, at least 0 and without gradient. The learner `trl` trains TRL's
    own form, whose reference point comes from mismatched completions.
    """

    name, version = "kto", "1"
    formats, column = ("unpaired",), None
    grouped, uses_reference = False, True

    def __init__(self, beta: float = 0.1, desirable: float = 1.0, undesirable: float = 1.0) -> None:
        for option, number in {"beta": beta, "desirable": desirable, "undesirable": undesirable}.items():
            if number <= 0:
                raise SetupError(f"{option} is {number}; it must be above 0.")
        self.beta, self.desirable, self.undesirable = beta, desirable, undesirable

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Mean of weight * (1 - sigmoid(beta * side * (log-ratio - reference point)))."""
        import torch

        ratios = per_sequence(batch, logps - reference)
        point = ratios.detach().mean().clamp(min=0)
        side = torch.from_numpy(batch.side).to(ratios.dtype)
        weights = torch.where(side > 0, self.desirable, self.undesirable).to(ratios.dtype)
        return (weights * (1 - torch.sigmoid(self.beta * side * (ratios - point)))).mean()


class RediLoss:
    """Reinforcement distillation (Xu et al. 2025): log-probability per token of the chosen text up, of the rejected one
    down by a factor; mean over rows. With the factor 0 it is `sft` with normaliser `row` on the chosen texts.

    `alpha`: the factor, 0 to 1.
    """

    name, version = "redi", "1"
    formats, column = PAIRS, None
    grouped, uses_reference = False, False

    def __init__(self, alpha: float = 0.8) -> None:
        if not 0 <= alpha <= 1:
            raise SetupError(f"alpha is {alpha}; it must be between 0 and 1.")
        self.alpha = alpha

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Mean over rows of -log p(chosen)/length + alpha * log p(rejected)/length."""
        del reference
        chosen, rejected = sided(batch, per_sequence(batch, logps) / lengths(batch, logps))
        loss = -chosen.sum() / len(chosen)
        return loss if self.alpha == 0 else loss + self.alpha * rejected.sum() / len(rejected)


class UnlikelihoodLoss:
    """Cross-entropy on chosen tokens and `alpha` times unlikelihood, -log(1 - p), on rejected ones (Welleck et al. 2020,
    equation 4); each a mean over its tokens.

    `alpha`: weight of the rejected tokens.
    """

    name, version = "unlikelihood", "1"
    formats, column = PAIRS, None
    grouped, uses_reference = False, False

    def __init__(self, alpha: float = 1.0) -> None:
        if alpha < 0:
            raise SetupError(f"alpha is {alpha}; it must be 0 or more.")
        self.alpha = alpha

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """The sum of both means."""
        import torch

        del reference
        wanted = torch.from_numpy(batch.side)[torch.from_numpy(batch.sequence)] > 0
        # A token at probability 1 has no finite unlikelihood; its own gradient is cut there.
        surest = torch.clamp(logps[~wanted], max=-1e-6)
        return -logps[wanted].mean() - self.alpha * torch.log(-torch.expm1(surest)).mean()
