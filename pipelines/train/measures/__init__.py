"""Measures of studies: effects that a paper claims, measured on models. torch is imported inside functions."""

from collections.abc import Callable, Mapping

from pipelines.train.measures.bench import ModelMeasure
from storage.ground.by_name import ByName

MEASURES: Mapping[str, Callable[..., ModelMeasure]] = ByName(
    {
        "coverage": "pipelines.train.measures.coverage:Coverage",
        "ranks": "pipelines.train.measures.ranks:Ranks",
    }
)
