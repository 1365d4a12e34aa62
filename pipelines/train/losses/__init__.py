"""Losses of trainings: objectives over the log-probabilities of trained tokens. torch is imported inside functions."""

from collections.abc import Callable, Mapping

from pipelines.train.roles import Loss
from storage.ground.by_name import ByName

LOSSES: Mapping[str, Callable[..., Loss]] = ByName(
    {
        "sft": "pipelines.train.losses.sft:Sft",
        "weighted": "pipelines.train.losses.sft:Weighted",
        "dpo": "pipelines.train.losses.preference:Dpo",
        "kto": "pipelines.train.losses.preference:Kto",
        "redi": "pipelines.train.losses.preference:Redi",
        "unlikelihood": "pipelines.train.losses.preference:Unlikelihood",
        "mml": "pipelines.train.losses.marginal:Mml",
        "dco": "pipelines.train.losses.coverage:Dco",
    }
)
