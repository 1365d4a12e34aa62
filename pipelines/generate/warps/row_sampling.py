"""Weights by which tokens are drawn: temperature, warps, top-k and top-p of each row, in this order.

Pure numpy in float64; each row's result depends bit for bit on that row alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rollmill.ground.pool import Ints
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.warps.warp import Floats, Warp, built_warp, warped


@dataclass(frozen=True, slots=True)
class RowSampling:
    """Per-row sampling parameters, each of shape (rows,): temperature 0 is greedy, top_p 1 and top_k 0 cut nothing.

    `warps`: those of each row; empty if no row has any. `plain` says whether every row draws from the model's own
    distribution, uncut.
    """

    temperature: Floats
    top_p: Floats
    top_k: Ints
    warps: Sequence[Sequence[Warp]] = ()
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        plain = (self.temperature == 1.0).all() and (self.top_p >= 1.0).all() and (self.top_k <= 0).all() and not self.warps
        object.__setattr__(self, "plain", bool(plain))  # the class is frozen

    @classmethod
    def of(cls, samplings: Sequence[Sampling]) -> "RowSampling":
        """The parameters of some rows as arrays."""
        warps = [[built_warp(method) for method in sampling.warp] for sampling in samplings]
        return cls(
            np.asarray([sampling.temperature for sampling in samplings], dtype=np.float64),
            np.asarray([sampling.top_p for sampling in samplings], dtype=np.float64),
            np.asarray([sampling.top_k for sampling in samplings], dtype=np.int64),
            warps if any(warps) else (),
        )


def weights_of(logp: Floats, sampling: RowSampling) -> Floats:
    """Weights by which tokens are drawn, from the model's log-probabilities; both (rows, vocabulary)."""
    weights = np.exp(logp)
    return weights if sampling.plain else adjusted_weights(logp, weights, sampling)


def adjusted_weights(scores: Floats, weights: Floats, sampling: RowSampling) -> Floats:
    """Weights after temperature, warps, top-k and top-p in this order; row by row, since rows differ in what they need."""
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
        if sampling.warps and sampling.warps[row]:
            # Warps take log-probabilities, so the sum after the temperature is taken off first.
            adjusted[row] = warped(scores[row] / temperature - np.log(np.add.reduce(adjusted[row])), sampling.warps[row])
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
        # A token stays while those before it fall short of top_p, so the one that crosses it stays too.
        kept = max(1, int((before[:-1] < top_p * before[-1]).sum()))
    return np.asarray(order[kept:], dtype=np.int64)
