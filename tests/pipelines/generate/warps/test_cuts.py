"""The tokens that each warp keeps, against definitions written token by token."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.warps import WARPS
from rollmill.pipelines.generate.warps.warp import Floats, built_warp, warped

Probabilities = list[float]


def entropy_of(p: Probabilities) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def by_threshold(p: Probabilities, least: float) -> set[int]:
    return {token for token, x in enumerate(p) if x >= least or x == max(p)}


def typical_set(p: Probabilities, mass: float) -> set[int]:
    kept: set[int] = set()
    for token in sorted(range(len(p)), key=lambda token: (abs(-math.log(p[token]) - entropy_of(p)), token)):
        if sum(p[kept_one] for kept_one in kept) >= mass:
            break
        kept.add(token)
    return kept


def within_sigma(p: Probabilities, n: float) -> set[int]:
    logits = [math.log(x) for x in p]
    mean = sum(logits) / len(p)
    sigma = math.sqrt(sum((x - mean) ** 2 for x in logits) / len(p))
    return {token for token, x in enumerate(logits) if x >= max(logits) - n * sigma}


def bounded_entropy(p: Probabilities, share: float) -> set[int]:
    kept: list[int] = []
    for token in sorted(range(len(p)), key=lambda token: (-p[token], token)):
        mass = sum(p[one] for one in [*kept, token])
        if kept and entropy_of([p[one] / mass for one in [*kept, token]]) > share * entropy_of(p):
            break
        kept.append(token)
    return set(kept)


DEFINITIONS: Mapping[str, tuple[dict[str, Any], Callable[[Probabilities], set[int]]]] = {
    "min_p": ({"share": 0.3}, lambda p: {token for token, x in enumerate(p) if x >= 0.3 * max(p)}),
    "epsilon": ({"cutoff": 0.05}, lambda p: by_threshold(p, 0.05)),
    "eta": ({"epsilon": 0.02}, lambda p: by_threshold(p, min(0.02, math.sqrt(0.02) * math.exp(-entropy_of(p))))),
    "top_n_sigma": ({"n": 1.2}, lambda p: within_sigma(p, 1.2)),
    "typical": ({"mass": 0.7}, lambda p: typical_set(p, 0.7)),
    "top_h": ({"share": 0.6}, lambda p: bounded_entropy(p, 0.6)),
}


def kept(name: str, logp: Floats, **options: Any) -> list[set[int]]:
    weights = WARPS[name](**options).weights(logp)
    return [set(np.flatnonzero(row).tolist()) for row in weights]


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_it_keeps_the_tokens_of_its_definition(name: str) -> None:
    options, definition = DEFINITIONS[name]
    shares = np.random.default_rng(8).dirichlet(np.full(9, 0.6), size=300) + 1e-9
    logp = np.log(shares / shares.sum(axis=1, keepdims=True))
    assert kept(name, logp, **options) == [definition(row) for row in np.exp(logp).tolist()]
    sizes = {len(tokens) for tokens in kept(name, logp, **options)}
    assert len(sizes) > 1


def test_typical_may_cut_the_likeliest_token_and_top_p_cannot() -> None:
    p = np.asarray([0.4, 0.12, 0.12, 0.12, 0.12, 0.12])  # entropy 1.64 nats, surprisals .92 and 2.12
    assert kept("typical", np.log(p)[None, :], mass=0.5) == [{1, 2, 3, 4, 5}]


def test_top_n_sigma_keeps_the_same_tokens_at_every_temperature() -> None:
    logits = np.random.default_rng(2).normal(size=(50, 30)) * 3
    sets = []
    for temperature in (0.3, 1.0, 4.0):
        scaled = logits / temperature
        sets.append(kept("top_n_sigma", scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True), n=1.0))
    assert sets[0] == sets[1] == sets[2]


def test_warps_work_in_their_order() -> None:
    logp = np.log(np.asarray([0.5, 0.3, 0.15, 0.05]))
    min_p = built_warp(RecordedMethod("min_p", "1", '{"share":0.5}'))
    typical = built_warp(RecordedMethod("typical", "1", '{"mass":0.3}'))
    np.testing.assert_allclose(warped(logp, [min_p]), [0.5, 0.3, 0, 0])
    np.testing.assert_allclose(warped(logp, [typical]), [0, 0.3, 0, 0])  # entropy 1.14, surprisals .69, 1.20, 1.90, 3.00
    np.testing.assert_allclose(warped(logp, [min_p, typical]), [0.625, 0, 0, 0])  # now .66, and .47, .98


def test_a_warp_that_leaves_no_token_is_a_mistake_that_names_it() -> None:
    class Nothing:
        name, version = "nothing", "1"

        def weights(self, logp: Floats) -> Floats:
            return np.zeros_like(logp)

    with pytest.raises(SetupError, match="warp 'nothing' leaves no distribution"):
        warped(np.log(np.asarray([0.5, 0.5])), [Nothing()])


@pytest.mark.parametrize(
    ("name", "options"), [("min_p", {"share": 1.1}), ("typical", {"mass": 0}), ("top_n_sigma", {"n": 0})]
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=f"warp '{name}': option"):
        WARPS[name](**options)
