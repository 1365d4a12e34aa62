"""Learners: trainers of models, the embedded one and other people's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.roles import Learner

LEARNERS: Mapping[str, Callable[..., "Learner"]] = ByName(
    {
        "tiny": "rollmill.pipelines.train.learners.tiny:Tiny",
        "aioli": "rollmill.pipelines.train.learners.aioli:Aioli",
        "trl": "rollmill.pipelines.train.learners.trl:Trl",
        "command": "rollmill.pipelines.train.learners.command:Command",
    }
)
