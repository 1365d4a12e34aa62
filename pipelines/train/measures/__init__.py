"""Measures of studies: effects that a paper claims, measured on models. torch is imported inside functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.train.measures.bench import ModelMeasure

MEASURES: Mapping[str, Callable[..., "ModelMeasure"]] = ByName(
    {
        "coverage": "pipelines.train.measures.coverage:Coverage",
        "explanations": "pipelines.train.measures.explanations:Explanations",
        "label_stream": "pipelines.train.measures.label_stream:LabelStream",
        "markers": "pipelines.train.measures.markers:Markers",
        "membership": "pipelines.train.measures.membership:OrderMembership",
        "own_tokens": "pipelines.train.measures.own_tokens:OwnTokens",
        "p_ik": "pipelines.train.measures.p_ik:PIk",
        "process_reward": "pipelines.train.measures.process_reward:ProcessReward",
        "ranks": "pipelines.train.measures.ranks:Ranks",
        "restarts": "pipelines.train.measures.restarts:Restarts",
        "values": "pipelines.train.measures.values:SolutionValues",
    }
)
