"""Step models for exact tests: one with layers, and the exact marginals of a model of the last token."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.drafters import DraftBlock
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


class LayeredModel:
    """Model whose logits are a sum of one table a layer, by the last token.

    `tables`: (layers, tokens + 1, tokens); the last row of a table is for an empty prefix.
    """

    def __init__(self, tables: Floats) -> None:
        self.tables = tables
        self.vocabulary = tables.shape[2]

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        logits = self.tables.sum(axis=0)[[prefix[-1] if prefix else self.vocabulary for prefix in prefixes]]
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))

    def without(self, *layers: int) -> "LayeredModel":
        """The model that skips these layers."""
        return LayeredModel(np.delete(self.tables, layers, axis=0))


@dataclass(frozen=True)
class Marginals:
    """Drafter of blocks: the marginal distribution at each distance behind a prefix, over the tokens between.

    `transitions`: (tokens + 1, tokens) probabilities by the last token; the last row is for an empty prefix.
    """

    transitions: Floats

    @property
    def vocabulary(self) -> int:
        return int(self.transitions.shape[1])

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return np.concatenate([self.behind(prefix).next([prefix]) for prefix in prefixes])

    def behind(self, prefix: Tokens) -> StepModel:
        rows = [self.transitions[prefix[-1] if prefix else self.vocabulary]]
        for _ in range(4):
            rows.append(rows[-1] @ self.transitions[: self.vocabulary])
        return DraftBlock(np.log(np.stack(rows)), len(prefix))
