"""Cross-entropy on completions, plain and weighted by a column."""

from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.losses.sums import lengths, per_sequence
from rollmill.pipelines.train.roles import TokenBatch

NORMALISERS = ("token", "row")


class SftLoss:
    """Cross-entropy of the completion's tokens.

    `normaliser`: `token`, the mean over all tokens of the batch; `row`, the mean over rows of their mean over tokens.
    """

    name, version = "sft", "1"
    formats, column = ("prompt_completion",), None
    grouped, uses_reference = False, False

    def __init__(self, normaliser: str = "token") -> None:
        self.normaliser = _checked(normaliser)

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """The mean negative log-probability."""
        del reference
        if self.normaliser == "token":
            return -logps.sum() / len(logps)
        return -(per_sequence(batch, logps) / lengths(batch, logps)).sum() / batch.sequences


class WeightedLoss:
    """Cross-entropy with a weight for each row, which may be negative: the policy gradient at its sampling policy.

    With the column `advantage` of the export `rl` this is REINFORCE with that advantage, and GRPO's first step (Shao et
    al. 2024, equation 3 at ratio 1).

    `column`: the column of weights. `normaliser`: `token`, over all tokens of the batch; `row`, over rows.
    """

    name, version = "weighted", "1"
    formats = ("rl", "prompt_completion", "unpaired")
    grouped, uses_reference = False, False

    def __init__(self, column: str = "advantage", normaliser: str = "token") -> None:
        self.column, self.normaliser = column, _checked(normaliser)

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Minus the weighted log-probabilities, over the tokens or the rows of the batch."""
        import torch

        del reference
        weights = torch.from_numpy(batch.weight).to(logps.dtype)
        if self.normaliser == "token":
            return -(logps * weights[torch.from_numpy(batch.sequence)]).sum() / len(logps)
        return -(per_sequence(batch, logps) / lengths(batch, logps) * weights).sum() / batch.sequences


def _checked(normaliser: str) -> str:
    if normaliser not in NORMALISERS:
        raise SetupError(f"unknown normaliser {normaliser!r}.", choices=NORMALISERS)
    return normaliser
