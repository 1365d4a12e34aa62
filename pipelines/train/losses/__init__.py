"""Losses of trainings: objectives over the log-probabilities of trained tokens. torch is imported inside functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.train.roles import Loss

LOSSES: Mapping[str, Callable[..., "Loss"]] = ByName(
    {
        "sft": "pipelines.train.losses.sft:SftLoss",
        "weighted": "pipelines.train.losses.sft:WeightedLoss",
        "dpo": "pipelines.train.losses.preference:DpoLoss",
        "kto": "pipelines.train.losses.preference:KtoLoss",
        "redi": "pipelines.train.losses.preference:RediLoss",
        "unlikelihood": "pipelines.train.losses.preference:UnlikelihoodLoss",
        "mml": "pipelines.train.losses.marginal:MmlLoss",
        "dco": "pipelines.train.losses.coverage:DcoLoss",
        "kd": "pipelines.train.losses.distillation:KdLoss",
        "grpo": "pipelines.train.losses.online:GrpoLoss",
        "rloo": "pipelines.train.losses.online:RlooLoss",
        "reward_model": "pipelines.train.losses.reward_model:RewardModelLoss",
    }
)
