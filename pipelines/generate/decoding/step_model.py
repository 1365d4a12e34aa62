"""Step models: log-probabilities of the next token after prefixes, with the calls counted.

A method's cost is its number of calls, not its time: a call takes any number of prefixes, as one forward pass does.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Protocol

import numpy as np

from rollmill.ground.pool import Floats

Tokens = tuple[int, ...]


class StepModel(Protocol):
    """Model of the next token."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        """Natural log-probabilities in float64, (prefixes, vocabulary)."""


class CountedModel:
    """Step model that counts the calls of another, and the prefixes in them."""

    def __init__(self, model: StepModel) -> None:
        self._model = model
        self.vocabulary = model.vocabulary
        self.calls = 0
        self.prefixes = 0

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        self.calls += 1
        self.prefixes += len(prefixes)
        return self._model.next(prefixes)


class TableModel:
    """Model whose next token depends on the last `order` tokens, for exact tests.

    `logits`: (tokens + 1,) * order + (tokens,); the last index of a context axis stands for the beginning of the text.
    """

    def __init__(self, logits: Floats) -> None:
        self.order = logits.ndim - 1
        self.vocabulary = logits.shape[-1]
        self._logp = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)

    @classmethod
    def random(cls, vocabulary: int, order: int, seed: int, scale: float = 1.5) -> "TableModel":
        """A model with normal logits of a standard deviation."""
        shape = (vocabulary + 1,) * order + (vocabulary,)
        return cls(np.random.default_rng(seed).normal(size=shape) * scale)

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return np.stack([self._logp[self.context(prefix)] for prefix in prefixes])

    def context(self, prefix: Tokens) -> Tokens:
        """The last tokens of a prefix, filled up with the token of the beginning."""
        last = prefix[len(prefix) - self.order :] if len(prefix) > self.order else prefix
        return (self.vocabulary,) * (self.order - len(last)) + last


def logp_of(model: StepModel, tokens: Tokens) -> float:
    """Log-probability of a token sequence from the beginning."""
    rows = model.next([tokens[:length] for length in range(len(tokens))])
    return float(rows[np.arange(len(tokens)), list(tokens)].sum())


def sequences(model: StepModel, length: int) -> Iterator[tuple[Tokens, float]]:
    """Every token sequence of a length with its probability."""
    for tokens in product(range(model.vocabulary), repeat=length):
        yield tokens, float(np.exp(logp_of(model, tokens)))
