"""Losses of trainings: objectives over the log-probabilities of trained tokens. torch is imported inside functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.roles import Loss

LOSSES: Mapping[str, Callable[..., "Loss"]] = ByName(
    {
        "sft": "rollmill.pipelines.train.losses.sft:SftLoss",
        "weighted": "rollmill.pipelines.train.losses.sft:WeightedLoss",
        "dpo": "rollmill.pipelines.train.losses.preference:DpoLoss",
        "kto": "rollmill.pipelines.train.losses.preference:KtoLoss",
        "redi": "rollmill.pipelines.train.losses.preference:RediLoss",
        "unlikelihood": "rollmill.pipelines.train.losses.preference:UnlikelihoodLoss",
        "mml": "rollmill.pipelines.train.losses.marginal:MmlLoss",
        "dco": "rollmill.pipelines.train.losses.coverage:DcoLoss",
        "kd": "rollmill.pipelines.train.losses.distillation:KdLoss",
        "grpo": "rollmill.pipelines.train.losses.online:GrpoLoss",
        "rloo": "rollmill.pipelines.train.losses.online:RlooLoss",
        "reward_model": "rollmill.pipelines.train.losses.reward_model:RewardModelLoss",
    }
)
