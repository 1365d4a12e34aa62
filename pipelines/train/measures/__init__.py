"""Measures of studies: effects that a paper claims, measured on models. torch is imported inside functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.measures.bench import ModelMeasure

MEASURES: Mapping[str, Callable[..., "ModelMeasure"]] = ByName(
    {
        "coverage": "rollmill.pipelines.train.measures.coverage:Coverage",
        "membership": "rollmill.pipelines.train.measures.membership:OrderMembership",
        "own_tokens": "rollmill.pipelines.train.measures.own_tokens:OwnTokens",
        "ranks": "rollmill.pipelines.train.measures.ranks:Ranks",
    }
)
