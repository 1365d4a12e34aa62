"""Protocol of warps, and the weights of tokens after several of them.

A warp sees the natural log-probabilities of all tokens after the temperature and after the warps before it; top-k and
top-p cut what it leaves. That is vLLM's order for min-p.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.roles.user_code import load_module

Floats = npt.NDArray[np.float64]


class Warp(Protocol):
    """Stateless change of the distribution of the next token."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def weights(self, logp: Floats) -> Floats:
        """Weights of tokens, from log-probabilities; both of shape (rows, vocabulary). Weights are not normalised and not
        negative.

        A row's weights depend on that row alone; a log-probability may be -inf. At least one token keeps a weight.
        """


@lru_cache(maxsize=256)
def built_warp(method: RecordedMethod) -> Warp:
    """The warp of a record: the product's, an installed package's, or one in a user's file."""
    from rollmill.roles.registries import registry  # which reads the metadata of packages: 35 ms that few runs need

    place, colon, attribute = method.name.rpartition(":")
    cls = getattr(load_module(place, Path(method.folder)), attribute) if colon else registry("warp")[method.name]
    built: Warp = cls(**json.loads(method.options))
    return built


def warped(logp: Floats, warps: Sequence[Warp]) -> Floats:
    """Weights of the tokens of one row, (vocabulary,), after one warp or more."""
    weights = np.exp(logp)
    for warp in warps:
        weights = np.asarray(warp.weights(logp[None, :]), dtype=np.float64)[0]
        total = float(weights.sum())
        if not (0.0 < total < np.inf) or weights.min() < 0.0:
            raise SetupError(f"warp {warp.name!r} leaves no distribution: its weights sum to {total}.")
        with np.errstate(divide="ignore"):
            logp = np.log(weights) - np.log(total)
    return weights


def cut(logp: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """The probabilities of the kept tokens, 0 for the others."""
    return np.where(kept, np.exp(logp), 0.0)


def cut_below(logp: Floats, least: Floats | float) -> Floats:
    """The probabilities of at least `least`, a number or (rows, 1), and the largest one; 0 for the others."""
    return cut(logp, (np.exp(logp) >= least) | (logp == logp.max(axis=1, keepdims=True)))


def entropy(logp: Floats) -> Floats:
    """Entropies of rows in nats, (rows, 1)."""
    probabilities = np.exp(logp)
    terms = np.where(probabilities > 0, -probabilities * np.where(probabilities > 0, logp, 0.0), 0.0)
    return np.asarray(terms.sum(axis=1, keepdims=True))
