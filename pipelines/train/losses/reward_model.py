"""The loss of a reward model: a model that rates a text with a number."""

from typing import Any

from rollmill.pipelines.train.losses.preference import PAIRS
from rollmill.pipelines.train.losses.sums import per_sequence, sided
from rollmill.pipelines.train.roles import TokenBatch


class RewardModelLoss:
    """Bradley-Terry likelihood of the better text (Ouyang et al. 2022, equation 1): -log sigmoid of the chosen text's
    number less the rejected one's; mean over rows. The learner `trl` trains TRL's reward model: the initial model with one
    output number instead of tokens. It draws no text; a server of vLLM rates with it for the scorer `reward_model`.
    """

    name, version = "reward_model", "1"
    formats, column = PAIRS, None
    grouped, uses_reference = False, False
    rates_texts = True

    def __call__(self, batch: TokenBatch, logps: Any, reference: Any | None) -> Any:
        """Mean over rows, where the values at a text's places add up to its number."""
        import torch.nn.functional as f

        del reference
        chosen, rejected = sided(batch, per_sequence(batch, logps))
        return -f.logsigmoid(chosen - rejected).mean()
