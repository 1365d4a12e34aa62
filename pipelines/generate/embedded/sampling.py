"""Sampling of tokens from logits: a draw, its log-probability and certainty.

Pure numpy on arrays of rows; each row's result depends bit for bit on that row alone. Everything is computed in
float64 from the engine's float32 logits, and a token is drawn by inverting the cumulative distribution with one 53-bit
uniform: with 32-bit Gumbel noise rare tokens become unreachable and the effective temperature falls (Zheng et al. 2024,
arXiv:2409.02908). When a text ends is the decoding loop's to say.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.generate.warps.row_sampling import RowSampling, adjusted_weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draws:
    """Drawn tokens, one per row, with two measures of the distribution they came from, each of shape (rows,).

    `logprob` is the token's natural log-probability and `certainty` is KL(uniform || p) in nats, the term of
    self-certainty (Kang et al. 2025, arXiv:2502.18581); both are of the model's own distribution: temperature 1, no cut.
    `sampled` is the log-probability under the distribution that the token was drawn from; None where no row has warps.
    """

    tokens: Ints
    logprob: Floats
    certainty: Floats
    sampled: Floats | None = None


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
        weights = adjusted_weights(scores, weights, sampling)
    tokens = _invert(weights, chance)
    logprob = scores[np.arange(len(tokens)), tokens] - log_total
    certainty = log_total - np.add.reduce(scores, axis=1) / scores.shape[1] - np.log(scores.shape[1])
    sampled = None
    if sampling.warps:
        sampled = np.log(weights[np.arange(len(tokens)), tokens]) - np.log(np.add.reduce(weights, axis=1))
    return Draws(tokens, logprob, certainty, sampled)


def _invert(weights: Floats, chance: Floats) -> Ints:
    """The first token whose cumulative weight exceeds chance * total; a token of weight 0 is never drawn."""
    cumulative = np.add.accumulate(weights, axis=1)
    # Not normalised: rounded shares may end below 1, and a chance above the last of them would find no token.
    exceeded = cumulative > (chance * cumulative[:, -1])[:, None]
    return np.asarray(exceeded.argmax(axis=1), dtype=np.int64)
