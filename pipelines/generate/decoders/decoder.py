"""Protocol of decoders, what they are given, and what they return.

A decoder may ask the model for several prefixes at once and for layers to be left out; the embedded engine gives both.
"""

import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.pool import Floats
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.decoding.drafters import DraftsBlocks
from rollmill.pipelines.generate.decoding.speculative import TextEnd
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens
from rollmill.pipelines.generate.warps.row_sampling import RowSampling, weights_of
from rollmill.roles.user_code import load_module


class LayeredSteps(StepModel, Protocol):
    """Step model whose layers can be left out."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    def without(self, layers: Sequence[int]) -> StepModel:
        """The model without these layers."""


class SampledModel:
    """Step model after a sampling's temperature, warps and cuts."""

    def __init__(self, model: StepModel, sampling: Sampling) -> None:
        self.model, self._sampling = model, sampling
        self.vocabulary = model.vocabulary
        self._rows: dict[int, RowSampling] = {}

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return self.after(self.model.next(prefixes))

    def after(self, logp: Floats) -> Floats:
        """Log-probabilities after the sampling, of the model's own; both (rows, vocabulary)."""
        count = len(logp)
        if count not in self._rows:
            self._rows[count] = RowSampling.of([self._sampling] * count)
        weights = weights_of(logp, self._rows[count])
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(weights) - np.log(weights.sum(axis=1, keepdims=True)))


class SampledBlocks(SampledModel):
    """Drafter of blocks after a sampling's temperature, warps and cuts."""

    def __init__(self, drafter: DraftsBlocks, model: StepModel, sampling: Sampling) -> None:
        super().__init__(model, sampling)
        self._drafter, self._own = drafter, sampling

    def behind(self, prefix: Tokens) -> StepModel:
        """The drafter of that block."""
        return SampledModel(self._drafter.behind(prefix), self._own)


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """A text to decode after the tokens of a prompt.

    `chances`: a uniform number for each position, with which the engine draws the text without a decoder; `seed`: the seed
    of any other randomness. `text_of`: returns the text of tokens. `replay`: returns the token that the engine draws after
    these tokens without a decoder. `memory`: values that a decoder keeps between texts.
    """

    model: LayeredSteps
    prompt: Tokens
    until: TextEnd
    sampling: Sampling
    chances: Floats
    seed: int
    text_of: Callable[[Sequence[int]], str]
    replay: Callable[[Tokens], int]
    memory: MutableMapping[Any, Any] = field(default_factory=dict)

    def sampled(self, model: StepModel | None = None) -> SampledModel:
        """A model, by default the task's, after the sampling's temperature, warps and cuts."""
        return SampledModel(model or self.model, self.sampling)


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Tokens with the figures of their cost. `weight`: log of the text's weight, -inf for 0; None without weights.

    A decoder whose figures depend on `memory` adds `by_order` to them.
    """

    tokens: Tokens
    figures: Mapping[str, float]
    weight: float | None = None


class Decoder(Protocol):
    """Method that makes one text. A text depends on its task alone, apart from `memory`."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def exact(self) -> bool:
        """True if texts have the distribution of the sampling."""

    @property
    def weighted(self) -> bool:
        """True if texts stand for their distribution by weight only: no rate, vote or training file counts them alike."""

    def check(self, sampling: Sampling) -> None:
        """SetupError for a sampling that the decoder cannot decode."""

    def decode(self, task: DecodeTask) -> DecodedText:
        """The text of a task."""


def by_weight(sampling: Sampling) -> bool:
    """True if completions of a sampling count by their weights."""
    return sampling.decode is not None and built_decoder(sampling.decode).weighted


@lru_cache(maxsize=64)
def built_decoder(method: RecordedMethod) -> Decoder:
    """The decoder of a record: the product's, an installed package's, or one in a user's file."""
    from rollmill.roles.registries import registry  # which reads the metadata of packages: 35 ms that few runs need

    place, colon, attribute = method.name.rpartition(":")
    cls = getattr(load_module(place, Path(method.folder)), attribute) if colon else registry("decoder")[method.name]
    built: Decoder = cls(**json.loads(method.options))
    return built
