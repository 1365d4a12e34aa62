"""Learners: trainers of models, the embedded one and other people's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.train.roles import Learner

LEARNERS: Mapping[str, Callable[..., "Learner"]] = ByName(
    {
        "tiny": "pipelines.train.learners.tiny:Tiny",
        "aioli": "pipelines.train.learners.aioli:Aioli",
        "trl": "pipelines.train.learners.trl:Trl",
        "command": "pipelines.train.learners.command:Command",
    }
)
