"""Sampling of tokens from logits: temperature, top-k, top-p, log-probability and entropy.

Pure numpy on arrays of rows; each row's result depends bit for bit on that row alone. Everything is computed in
float64 from the engine's float32 logits, and a token is drawn by inverting the cumulative distribution with one 53-bit
uniform: with 32-bit Gumbel noise rare tokens become unreachable and the effective temperature falls (Zheng et al. 2024,
arXiv:2409.02908). When a text ends is the decoding loop's to say.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowSampling:
    """Per-row sampling parameters, each of shape (rows,): temperature 0 is greedy, top_p 1 and top_k 0 cut nothing.

    `plain` says whether every row draws from the model's own distribution, uncut.
    """

    temperature: Floats
    top_p: Floats
    top_k: Ints
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        plain = (self.temperature == 1.0).all() and (self.top_p >= 1.0).all() and (self.top_k <= 0).all()
        object.__setattr__(self, "plain", bool(plain))


@dataclass(frozen=True, slots=True)
class Draws:
    """Drawn tokens, one per row, with two measures of the distribution they came from, each of shape (rows,).

    `logprob` is the token's natural log-probability and `certainty` is KL(uniform || p) in nats, the term of
    self-certainty (Kang et al. 2025, arXiv:2502.18581); both are of the model's own distribution: temperature 1, no cut.
    """

    tokens: Ints
    logprob: Floats
    certainty: Floats


class SamplingUniforms:
    """The uniforms of completions, 53 bits each: number i is a function of (seed, i), whatever the count. For one thread.

    One generator is set to each seed's state in turn: making a new one per completion asks the system for entropy that is
    never used, and costs five times as much.
    """

    def __init__(self) -> None:
        self._bits: Any = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)
        self._fresh = self._bits.state

    def of(self, seed: int, count: int) -> Floats:
        """The first `count` uniforms of a seed of up to 128 bits."""
        key = np.asarray([seed & (2**64 - 1), seed >> 64], dtype=np.uint64)
        self._bits.state = {**self._fresh, "state": {**self._fresh["state"], "key": key}}
        return self._generator.random(count)


def draw(logits: npt.NDArray[np.float32], chance: Floats, sampling: RowSampling) -> Draws:
    """Draw a token per row of float32 logits (rows, vocabulary), `chance` in [0, 1) of shape (rows,)."""
    scores = logits.astype(np.float64)
    scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
    weights = np.exp(scores)
    log_total = np.log(np.add.reduce(weights, axis=1))
    if not sampling.plain:
        weights = _adjusted(scores, weights, sampling)
    tokens = _invert(weights, chance)
    logprob = scores[np.arange(len(tokens)), tokens] - log_total
    certainty = log_total - np.add.reduce(scores, axis=1) / scores.shape[1] - np.log(scores.shape[1])
    return Draws(tokens, logprob, certainty)


def _invert(weights: Floats, chance: Floats) -> Ints:
    """The first token whose cumulative weight exceeds chance * total; a token of weight 0 is never drawn."""
    cumulative = np.add.accumulate(weights, axis=1)
    # Not normalised: rounded shares may end below 1, and a chance above the last of them would find no token.
    exceeded = cumulative > (chance * cumulative[:, -1])[:, None]
    return np.asarray(exceeded.argmax(axis=1), dtype=np.int64)


def _adjusted(scores: Floats, weights: Floats, sampling: RowSampling) -> Floats:
    """Weights after temperature, then top-k, then top-p; row by row, since rows differ in what they need."""
    adjusted = weights.copy()
    for row, (temperature, top_p, top_k) in enumerate(
        zip(sampling.temperature, sampling.top_p, sampling.top_k, strict=True)
    ):
        if temperature == 0.0:
            adjusted[row] = 0.0
            adjusted[row, int(scores[row].argmax())] = 1.0
            continue
        if temperature != 1.0:
            adjusted[row] = np.exp(scores[row] / temperature)
        if 0 < top_k < scores.shape[1] or top_p < 1.0:
            adjusted[row, _dropped(adjusted[row], float(top_p), int(top_k))] = 0.0
    return adjusted


def _dropped(weights: Floats, top_p: float, top_k: int) -> Ints:
    """Token ids cut off: all but the k heaviest, then all but the fewest whose share of the rest reaches top_p.

    Equal weights count in the order of their ids. The heaviest token always stays.
    """
    order = np.argsort(-weights, kind="stable")
    kept = min(top_k, len(order)) if top_k > 0 else len(order)
    before = np.concatenate(([0.0], weights[order[:kept]].cumsum()))
    if top_p < 1.0:
        kept = max(1, int((before[:-1] < top_p * before[-1]).sum()))
    return np.asarray(order[kept:], dtype=np.int64)
