"""The stated distribution of the next token, from an engine's log-probabilities and the sampling parameters.

Written from the definitions and apart from any engine's code: temperature, warps, top-k, top-p, in this order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.warps.warp import built_warp, warped

Token = int | str

MOST_UNKNOWN = 0.01
"""Mass of tokens without a known log-probability at most, where the sampling is not the model's own distribution."""


@dataclass(frozen=True, slots=True)
class NextTokens:
    """Tokens with their log-probabilities under the model. `rest`: the probability of all others together."""

    tokens: Sequence[Token]
    logp: Floats
    rest: float = 0.0


def stated_chances(known: NextTokens, sampling: Sampling) -> Floats:
    """The chance of each known token, and that of all others together at the end.

    Others cannot be cut or warped: SetupError if they weigh more than 1% and the sampling is not the model's own.
    """
    plain = Sampling(max_tokens=sampling.max_tokens, stop=sampling.stop, decode=sampling.decode)
    if sampling == plain:
        chances = np.append(np.exp(known.logp), known.rest)
        return np.asarray(chances / chances.sum())
    if known.rest > MOST_UNKNOWN:
        raise SetupError(
            f"the engine states log-probabilities of {1 - known.rest:.1%} of the mass, which is too little to tell what "
            "the sampling should give.",
            next_command="more --draws, or the model's own distribution: --temperature 1",
        )
    return np.append(_sampled(known.logp, sampling), 0.0 if known.rest <= 0 else np.finfo(float).tiny)


def _sampled(logp: Floats, sampling: Sampling) -> Floats:
    if sampling.temperature == 0.0:
        return np.where(np.arange(len(logp)) == int(logp.argmax()), 1.0, 0.0)
    scaled = logp / sampling.temperature
    weights = np.exp(scaled - scaled.max())
    if sampling.warp:
        weights = warped(np.log(weights / weights.sum()), [built_warp(method) for method in sampling.warp])
    kept = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    if 0 < sampling.top_k < len(kept):
        kept = kept[: sampling.top_k]
    if sampling.top_p < 1.0:
        total, mass = float(weights[kept].sum()), 0.0
        nucleus: list[int] = []
        for token in kept:
            if nucleus and mass >= sampling.top_p * total:
                break
            nucleus.append(token)
            mass += float(weights[token])
        kept = nucleus
    cut = np.zeros(len(weights))
    cut[kept] = weights[kept]
    return np.asarray(cut / cut.sum())
