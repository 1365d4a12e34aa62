"""Sampling under a constraint with weights: masking alone gives another distribution, weights correct it.

Lipkin et al. 2025, Fast controlled generation from language models with adaptive weighted rejection sampling,
arXiv:2504.05410. Tokens are drawn without replacement until one is allowed, so that few are tested. R is the mass of the
tokens that were not rejected. For the accepted token x and one more token y drawn from the others, p(x) + (R - p(x)) 1[y is
allowed] has the mean A, the allowed mass, whatever was rejected. The product of these estimates is the weight of a text.
Texts are resampled where few of them carry most of the weight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.choices import Chooser
from rollmill.pipelines.generate.decoding.grammar import TokenConstraint
from rollmill.pipelines.generate.decoding.step_model import StepModel, Tokens


@dataclass(frozen=True, slots=True)
class WeightedToken:
    """Accepted token, None if none is allowed. `mass`: unbiased estimate of the allowed mass. `tests`: tokens tested."""

    token: int | None
    mass: float
    tests: int


@dataclass(frozen=True, slots=True)
class WeightedText:
    """Text with its weight: the mean over texts of weight times f is the sum of p f over the texts of the constraint."""

    tokens: Tokens
    weight: float


@dataclass(frozen=True, slots=True)
class ConstrainedPlan:
    """`particles`: texts drawn together. `length`: most tokens. `end`: token that ends a text."""

    length: int
    end: int | None = None
    particles: int = 8

    def __post_init__(self) -> None:
        if self.particles < 1 or self.length < 1:
            raise SetupError(f"{self.particles} particles of {self.length} tokens draw nothing.", choices=("1 or more",))


def accepted_token(p: Floats, allowed: Callable[[int], bool], chooser: Chooser) -> WeightedToken:
    """A token of p under the constraint, distributed as p among the allowed ones, and the estimate of their mass."""
    left, tests = p / p.sum(), 0
    while left.any():
        token = chooser.pick(left)
        tests += 1
        if allowed(token):
            own, others = float(left[token]), left.copy()
            others[token] = 0.0
            rest = float(others.sum())
            # No other token is left to test, so the allowed mass is this token's own.
            if rest <= 0:
                return WeightedToken(token, own, tests)
            # `rest` is R - p(x) of the module's estimate.
            return WeightedToken(token, own + rest * allowed(chooser.pick(others)), tests + 1)
        left[token] = 0.0
    return WeightedToken(None, 0.0, tests)


def constrained_texts(
    model: StepModel, constraint: TokenConstraint, plan: ConstrainedPlan, chooser: Chooser, prefix: Tokens = ()
) -> list[WeightedText]:
    """Weighted texts after a prefix, drawn together; one that cannot be continued or completed has weight 0."""
    texts = [WeightedText((), 1.0)] * plan.particles
    for _ in range(plan.length):
        open_texts = [at for at, text in enumerate(texts) if text.weight > 0 and not _ended(text.tokens, plan)]
        if not open_texts:
            break
        rows = np.exp(model.next([prefix + texts[at].tokens for at in open_texts]))
        for at, row in zip(open_texts, rows, strict=True):
            texts[at] = _longer(texts[at], row, constraint, plan, chooser)
        texts = _resampled(texts, chooser)
    # A text cut off at the length can be allowed so far and still be none of the constraint's texts.
    return [text if constraint.complete(_inner(text.tokens, plan)) else WeightedText(text.tokens, 0.0) for text in texts]


def _longer(
    text: WeightedText, row: Floats, constraint: TokenConstraint, plan: ConstrainedPlan, chooser: Chooser
) -> WeightedText:
    """A text with its next token; the end token is allowed where the text is complete."""

    def allowed(token: int) -> bool:
        return constraint.complete(text.tokens) if token == plan.end else constraint.allows((*text.tokens, token))

    drawn = accepted_token(row, allowed, chooser)
    if drawn.token is None:
        return WeightedText(text.tokens, 0.0)
    return WeightedText((*text.tokens, drawn.token), text.weight * drawn.mass)


def _resampled(texts: Sequence[WeightedText], chooser: Chooser) -> list[WeightedText]:
    """The texts. If their effective number is below one half, as many drawn by weight, each with the mean weight."""
    weights = np.asarray([text.weight for text in texts])
    total = float(weights.sum())
    if len(texts) == 1 or total <= 0 or total**2 / float((weights**2).sum()) >= len(texts) / 2:
        return list(texts)
    # The mean weight keeps the sum of weights, and with it the unbiased estimate.
    return [WeightedText(texts[chooser.pick(weights)].tokens, total / len(texts)) for _ in texts]


def _ended(tokens: Tokens, plan: ConstrainedPlan) -> bool:
    return plan.end is not None and tokens[-1:] == (plan.end,)


def _inner(tokens: Tokens, plan: ConstrainedPlan) -> Tokens:
    """A text without its end token."""
    return tokens[:-1] if _ended(tokens, plan) else tokens
