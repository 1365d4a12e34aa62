"""Drafters: cheap step models that propose tokens. Any of them is lossless under an exact rule."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


@runtime_checkable
class DraftsBlocks(Protocol):
    """Drafter whose proposals depend on the verified prefix before a block of drafts."""

    def behind(self, prefix: Tokens) -> StepModel:
        """The drafter of that block."""


@dataclass
class NgramDrafter:
    """Model-free drafter: the mean logits that the target gave after the last tokens of earlier texts.

    Song et al. 2025 (STAND, arXiv:2506.04708) keep logits, not counts. It begins empty and backs off to shorter contexts.
    `learn` adds what the target says; within one draft nothing changes.
    """

    vocabulary: int
    order: int = 2
    _sums: dict[Tokens, Floats] = field(default_factory=dict)
    _counts: defaultdict[Tokens, int] = field(default_factory=lambda: defaultdict(int))

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return np.stack([self._row(prefix) for prefix in prefixes])

    def learn(self, prefix: Tokens, logp: Floats) -> None:
        """Add the target's log-probabilities after a prefix; -inf counts as very unlikely."""
        finite = np.maximum(logp, -50.0)
        for size in range(min(self.order, len(prefix)) + 1):
            context = prefix[len(prefix) - size :]
            self._sums[context] = self._sums.get(context, 0.0) + finite
            self._counts[context] += 1

    def _row(self, prefix: Tokens) -> Floats:
        for size in range(min(self.order, len(prefix)), -1, -1):
            context = prefix[len(prefix) - size :]
            if context in self._sums:
                mean = self._sums[context] / self._counts[context]
                return np.asarray(mean - np.logaddexp.reduce(mean))
        return np.full(self.vocabulary, -np.log(self.vocabulary))


class LearningTarget:
    """Target model that teaches an n-gram drafter what it says.

    `prompt`: tokens whose prefixes the first call also asks for, because a forward pass computes them anyway.
    """

    def __init__(self, model: StepModel, drafter: NgramDrafter, prompt: Tokens = ()) -> None:
        self._model, self._drafter = model, drafter
        self._taught = [prompt[:length] for length in range(1, len(prompt))]
        self.vocabulary = model.vocabulary

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        asked, self._taught = [*self._taught, *prefixes], []
        rows = self._model.next(asked)
        for prefix, row in zip(asked, rows, strict=True):
            self._drafter.learn(prefix, row)
        return rows[len(asked) - len(prefixes) :]


class LookaheadDrafter:
    """Drafter that proposes a block from one call of the target, which reads look-ahead tokens after the prefix.

    Monea et al. 2023 (PaSS, arXiv:2311.13581). The row after the prefix is the target's own. The row after the j-th
    look-ahead token is a guess of the token j places further, made without the tokens between. The paper trains the
    embeddings of new tokens for this; `token` is one of the vocabulary's, which guesses worse.
    """

    def __init__(self, model: StepModel, token: int, ahead: int) -> None:
        self._model, self._token, self._ahead = model, token, ahead
        self.vocabulary = model.vocabulary
        self.calls = 0

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return np.concatenate([self.behind(prefix).next([prefix]) for prefix in prefixes])

    def behind(self, prefix: Tokens) -> StepModel:
        self.calls += 1
        return DraftBlock(self._model.next([prefix + (self._token,) * place for place in range(self._ahead)]), len(prefix))


@dataclass(frozen=True, slots=True)
class DraftBlock:
    """Step model whose log-probabilities depend on the distance from a prefix alone. `rows`: (distances, vocabulary)."""

    rows: Floats
    length: int

    @property
    def vocabulary(self) -> int:
        return int(self.rows.shape[1])

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        return np.asarray(self.rows[[len(prefix) - self.length for prefix in prefixes]])
