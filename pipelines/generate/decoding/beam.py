"""Beam search and its best-first order: the same best text, with fewer prefixes computed.

Meister, Vieira & Cotterell 2020, Best-first beam search, arXiv:2007.03909. The score is the log-probability, which never
rises with length. So the first finished text to leave the queue is the best one.
"""

import heapq
from collections import Counter
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Text of a search with its log-probability; finished if it ends with the end token or has all tokens."""

    tokens: Tokens
    logp: float


@dataclass(frozen=True, slots=True)
class BeamLimits:
    """`width`: texts of each length that are kept. `length`: most tokens of a text. `end`: token that ends one."""

    width: int
    length: int
    end: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.length < 1:
            raise SetupError(
                f"a beam of width {self.width} and length {self.length} keeps nothing.", choices=("1 or more",)
            )

    def finished(self, tokens: Tokens) -> bool:
        """True if a text is not continued."""
        return tokens[-1:] == (self.end,) or len(tokens) >= self.length


def beam(model: StepModel, limits: BeamLimits, prefix: Tokens = ()) -> Hypothesis:
    """The best finished text of the beams of all lengths. Calls the model once for each length."""
    kept, best = [Hypothesis((), 0.0)], Hypothesis((), -np.inf)
    while kept:
        rows = model.next([prefix + hypothesis.tokens for hypothesis in kept])
        grown = [longer for hypothesis, row in zip(kept, rows, strict=True) for longer in _grown(hypothesis, row, limits)]
        # Finished texts take places of the width too, as in `best_first`.
        widest = heapq.nsmallest(limits.width, grown, key=_order)
        ended = [hypothesis for hypothesis in widest if limits.finished(hypothesis.tokens)]
        best = min([best, *ended], key=_order)
        kept = [hypothesis for hypothesis in widest if not limits.finished(hypothesis.tokens)]
    return best


def best_first(model: StepModel, limits: BeamLimits, prefix: Tokens = ()) -> Hypothesis:
    """The same text, the best of the queue first. Calls the model once for each text that is continued.

    At most `width` texts of a length leave the queue. That holds for finished ones too: a beam has no more of them.
    """
    # The order holds the tokens, which differ, so hypotheses are never compared themselves.
    queue: list[tuple[tuple[float, Tokens], Hypothesis]] = [((0.0, ()), Hypothesis((), 0.0))]
    taken: Counter[int] = Counter()
    while queue:
        _, hypothesis = heapq.heappop(queue)
        # A beam would have dropped it: `width` better texts of this length left the queue before.
        if taken[len(hypothesis.tokens)] >= limits.width:
            continue
        taken[len(hypothesis.tokens)] += 1
        if hypothesis.tokens and limits.finished(hypothesis.tokens):
            return hypothesis
        for longer in _grown(hypothesis, model.next([prefix + hypothesis.tokens])[0], limits):
            heapq.heappush(queue, (_order(longer), longer))
    return Hypothesis((), -np.inf)


def _grown(hypothesis: Hypothesis, row: Floats, limits: BeamLimits) -> list[Hypothesis]:
    """A hypothesis with each of its best next tokens, as many as the width: no others can be among the best of a length."""
    best = np.argsort(-row, kind="stable")[: limits.width].tolist()
    return [Hypothesis((*hypothesis.tokens, token), hypothesis.logp + float(row[token])) for token in best]


def _order(hypothesis: Hypothesis) -> tuple[float, Tokens]:
    """The likeliest first; of equal ones that with the smaller tokens."""
    return -hypothesis.logp, hypothesis.tokens
