"""What every warp must do: weights of a distribution by that distribution alone, and none for an impossible token."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.generate.warps import WARPS
from rollmill.pipelines.generate.warps.warp import Floats, Warp
from rollmill.pipelines.method_checks import check_method

ROWS: Mapping[str, Mapping[str, Any] | None] = {
    "epsilon": {"cutoff": 0.0},
    "eta": {"epsilon": 0.0},
    "min_p": {"share": 0.0},
    "top_h": {"share": 1.0},
    "top_n_sigma": {"n": 1e9},
    "typical": {"mass": 1.0},
}
"""Warps by name, each with options under which it changes nothing, if it has such."""


def distributions() -> Floats:
    """Log-probabilities of 60 rows of 40 tokens: sharp and flat, with equal and impossible tokens, one with one token."""
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(60, 40)) * np.linspace(0.01, 8, 60)[:, None]
    logits[10:20] = np.round(logits[10:20])
    logits[20:40][generator.random((20, 40)) < 0.5] = -np.inf
    logits[40, 1:] = -np.inf
    logits[40, 0] = 0.0
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def built(name: str, options: Mapping[str, Any] | None = None) -> Warp:
    warp: Warp = WARPS[name](**(options or {}))
    check_method("warp", name, warp)
    assert (warp.name, warp.version) == (name, "1")
    return warp


def test_every_warp_has_a_row() -> None:
    assert set(ROWS) == set(WARPS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_weights_are_finite_some_are_positive_and_those_of_impossible_tokens_are_zero(name: str) -> None:
    logp = distributions()
    weights = built(name).weights(logp)
    assert weights.shape == logp.shape
    assert (weights >= 0).all()
    assert np.isfinite(weights).all()
    assert (weights.sum(axis=1) > 0).all()
    assert (weights[logp == -np.inf] == 0).all()
    assert weights[40].tolist() == [weights[40, 0]] + 39 * [0.0]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_alone_has_the_same_bits(name: str) -> None:
    logp, warp = distributions(), built(name)
    whole = warp.weights(logp)
    assert all(warp.weights(logp[at : at + 1]).tobytes() == whole[at].tobytes() for at in range(len(logp)))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_it_changes_nothing_under_its_neutral_options(name: str) -> None:
    options, logp = ROWS[name], distributions()
    if options is not None:
        np.testing.assert_array_equal(built(name, options).weights(logp), np.exp(logp))
        assert (built(name).weights(logp) != np.exp(logp)).any()
