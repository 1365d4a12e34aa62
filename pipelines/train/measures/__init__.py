"""Measures of studies: effects that a paper claims, measured on models. torch is imported inside functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.measures.bench import ModelMeasure

MEASURES: Mapping[str, Callable[..., "ModelMeasure"]] = ByName(
    {
        "coverage": "rollmill.pipelines.train.measures.coverage:Coverage",
        "explanations": "rollmill.pipelines.train.measures.explanations:Explanations",
        "label_stream": "rollmill.pipelines.train.measures.label_stream:LabelStream",
        "markers": "rollmill.pipelines.train.measures.markers:Markers",
        "membership": "rollmill.pipelines.train.measures.membership:OrderMembership",
        "own_tokens": "rollmill.pipelines.train.measures.own_tokens:OwnTokens",
        "p_ik": "rollmill.pipelines.train.measures.p_ik:PIk",
        "process_reward": "rollmill.pipelines.train.measures.process_reward:ProcessReward",
        "ranks": "rollmill.pipelines.train.measures.ranks:Ranks",
        "restarts": "rollmill.pipelines.train.measures.restarts:Restarts",
        "values": "rollmill.pipelines.train.measures.values:SolutionValues",
    }
)
