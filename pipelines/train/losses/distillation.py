"""Distillation: a model learns a teacher's distribution over tokens, not only the tokens that it drew."""

from typing import Any

from rollmill.pipelines.train.roles import TokenBatch


class KdLoss:
    """Divergence of the model from a teacher (Hinton et al. 2015; matching of the likeliest tokens: Fu et al. 2023, section
    4): the sum of q log(q / p) over the likeliest tokens of each place, mean over places.

    q are the teacher's stored probabilities of these tokens, scaled to the sum 1, so that all other tokens have none; a
    place without stored ones has the drawn token. Where q is 1 for one token it is `sft`. Rows are those of the export
    `prompt_completion` with the option `teacher`, whose engine gave the log-probabilities of the k likeliest tokens.
    """

    name, version = "kd", "1"
    formats, column = ("prompt_completion",), None
    grouped, uses_reference = False, False
    matches_teacher = True

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """The mean divergence over trained places."""
        import torch

        del reference
        if batch.chance is None:  # no place has a teacher's tokens
            return -logps.sum() / len(logps)
        chance = torch.from_numpy(batch.chance).to(logps.dtype)
        return (chance * (torch.log(chance) - logps)).sum() / batch.tokens
