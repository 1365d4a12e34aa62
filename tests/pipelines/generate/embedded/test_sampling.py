"""The sampler against exact probabilities, brute force and the published definitions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.generate.embedded.sampling import SamplingUniforms, draw
from rollmill.pipelines.generate.warps.min_p import MinP
from rollmill.pipelines.generate.warps.row_sampling import RowSampling
from rollmill.pipelines.generate.warps.typical import Typical
from rollmill.pipelines.generate.warps.warp import Warp

LOGITS = np.log(np.asarray([0.5, 0.25, 0.125, 0.1, 0.02, 0.005], dtype=np.float32))


def sampling(rows: int, temperature: float = 1.0, top_p: float = 1.0, top_k: int = 0) -> RowSampling:
    return RowSampling(np.full(rows, temperature), np.full(rows, top_p), np.full(rows, top_k))


def tokens(logits: np.ndarray, chance: Sequence[float] | np.ndarray, **cut: Any) -> np.ndarray:
    rows = np.tile(logits, (len(chance), 1)).astype(np.float32)
    return draw(rows, np.asarray(chance, dtype=np.float64), sampling(len(chance), **cut)).tokens


def exact(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64) / temperature)
    return np.asarray(weights / weights.sum())


def brute_force(logits: np.ndarray, temperature: float, top_p: float, top_k: int) -> list[float]:
    """Probabilities after the cuts, by sorting and dropping one token at a time."""
    probs = dict(enumerate(exact(logits, temperature)))
    order = sorted(probs, key=lambda token: (-probs[token], token))
    if top_k:
        order = order[:top_k]
    total, reached = sum(probs[token] for token in order), 0.0
    kept: list[int] = []
    for token in order:
        if kept and reached >= top_p * total:
            break
        kept.append(token)
        reached += probs[token]
    share = sum(probs[token] for token in kept)
    return [probs[token] / share if token in kept else 0.0 for token in range(len(probs))]


@pytest.mark.parametrize("cut", [{}, {"temperature": 0.7}, {"temperature": 1.6}, {"top_k": 3}, {"top_p": 0.8}])
def test_frequencies_match_exact_probabilities_by_chi_square(cut: dict[str, Any]) -> None:
    draws = 40_000
    seen = np.bincount(tokens(LOGITS, SamplingUniforms().of(11, draws), **cut), minlength=6)
    expected = np.asarray(brute_force(LOGITS, cut.get("temperature", 1.0), cut.get("top_p", 1.0), cut.get("top_k", 0)))
    assert (seen[expected == 0] == 0).all()
    possible = expected > 0
    statistic = ((seen[possible] - draws * expected[possible]) ** 2 / (draws * expected[possible])).sum()
    assert statistic < 25.0  # the 0.9999 quantile of chi-square with 5 degrees of freedom is 25.7


@pytest.mark.parametrize("top_k", [0, 1, 2, 5, 6, 9])
@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.51, 0.76, 0.999, 1.0])
def test_cuts_keep_exactly_what_brute_force_keeps(top_k: int, top_p: float) -> None:
    grid = (np.arange(4000) + 0.5) / 4000
    seen = np.bincount(tokens(LOGITS, grid, top_k=top_k, top_p=top_p), minlength=6) / 4000
    np.testing.assert_allclose(seen, brute_force(LOGITS, 1.0, top_p, top_k), atol=1 / 4000)


def test_equal_weights_are_cut_in_the_order_of_their_ids() -> None:
    grid = (np.arange(100) + 0.5) / 100
    assert set(tokens(np.zeros(5, dtype=np.float32), grid, top_k=2).tolist()) == {0, 1}


def test_temperature_zero_takes_the_heaviest_and_the_first_of_equals() -> None:
    assert tokens(np.asarray([0.1, 3.0, 3.0, -1.0]), [0.0, 0.5, 0.999], temperature=0.0).tolist() == [1, 1, 1]


def test_rows_with_different_parameters_do_not_mix() -> None:
    rows = np.tile(LOGITS, (3, 1)).astype(np.float32)
    mixed = RowSampling(np.asarray([0.0, 1.0, 1.0]), np.asarray([1.0, 0.5, 1.0]), np.asarray([0, 0, 1]))
    assert draw(rows, np.full(3, 0.999999), mixed).tokens.tolist() == [0, 0, 0]
    assert draw(rows, np.full(3, 0.999999), sampling(3)).tokens.tolist() == [5, 5, 5]


def test_a_token_of_one_in_a_billion_is_reachable() -> None:
    """32-bit Gumbel noise cannot reach below about 6e-8; 53-bit uniforms can."""
    rare = math.log(1e-9)
    assert tokens(np.asarray([rare, 0.0]), [0.5e-9, 2e-9]).tolist() == [0, 1]
    assert tokens(np.asarray([0.0, rare]), [1 - 0.5e-9, 1 - 2e-9]).tolist() == [1, 0]


def test_the_largest_uniform_stays_in_the_vocabulary_and_impossible_tokens_are_never_drawn() -> None:
    last = 1 - 2**-53
    assert tokens(np.asarray([0.0, -1e5, -1e5]), [0.0, last]).tolist() == [0, 0]
    assert tokens(np.asarray([-1e5, 0.0, -1e5]), [0.0, last]).tolist() == [1, 1]
    random = np.random.default_rng(1).normal(size=640)
    assert tokens(random, [last]).tolist() == [639]


def test_logprob_and_certainty_follow_their_definitions_whatever_the_cuts() -> None:
    logits = np.random.default_rng(2).normal(size=(7, 640)).astype(np.float32) * 4
    drawn = draw(logits, SamplingUniforms().of(5, 7), sampling(7, temperature=0.6, top_p=0.9, top_k=40))
    for row, token in enumerate(drawn.tokens):
        probs = exact(logits[row])
        assert drawn.logprob[row] == pytest.approx(math.log(probs[token]), abs=1e-12)
        divergence = sum((1 / 640) * math.log((1 / 640) / p) for p in probs)
        assert drawn.certainty[row] == pytest.approx(divergence, abs=1e-9)


def test_certainty_of_a_uniform_distribution_is_zero() -> None:
    assert draw(np.zeros((1, 640), dtype=np.float32), np.asarray([0.3]), sampling(1)).certainty[0] == pytest.approx(
        0, abs=1e-12
    )


def test_a_rows_bits_do_not_depend_on_the_other_rows() -> None:
    logits = np.random.default_rng(3).normal(size=(256, 640)).astype(np.float32) * 5
    chance = SamplingUniforms().of(9, 256)
    cuts: tuple[dict[str, Any], ...] = ({}, {"temperature": 0.8, "top_p": 0.95})
    for cut in cuts:
        whole = draw(logits, chance, sampling(256, **cut))
        for size in (1, 2, 3, 7, 16, 100):
            for at in range(0, 256, size):
                part = draw(logits[at : at + size], chance[at : at + size], sampling(len(chance[at : at + size]), **cut))
                assert part.tokens.tobytes() == whole.tokens[at : at + size].tobytes()
                assert part.logprob.tobytes() == whole.logprob[at : at + size].tobytes()
                assert part.certainty.tobytes() == whole.certainty[at : at + size].tobytes()


def test_uniforms_belong_to_seed_and_position_and_carry_53_bits() -> None:
    assert SamplingUniforms().of(7, 3).tolist() == SamplingUniforms().of(7, 200)[:3].tolist()
    assert not set(SamplingUniforms().of(7, 100)) & set(SamplingUniforms().of(8, 100))
    assert SamplingUniforms().of(2**63 - 1, 1).shape == (1,)
    scaled = SamplingUniforms().of(1, 1000) * 2**53
    assert (scaled == np.floor(scaled)).all()
    assert (scaled % 2 == 1).mean() > 0.4  # the last of 53 bits is in use


def warped_sampling(rows: int, warps: Sequence[Warp], **cut: Any) -> RowSampling:
    plain = sampling(rows, **cut)
    return RowSampling(plain.temperature, plain.top_p, plain.top_k, [warps] * rows)


def test_a_warp_comes_after_the_temperature_and_before_top_k() -> None:
    """At temperature 2 the shares are .32, .23, .16, .14, ...; min-p at .6 of the first leaves two, top-k one of them."""
    grid = (np.arange(4000) + 0.5) / 4000
    rows = np.tile(LOGITS, (4000, 1)).astype(np.float32)
    two = draw(rows, grid, warped_sampling(4000, [MinP(0.6)], temperature=2.0))
    hot = np.sqrt([0.5, 0.25])
    np.testing.assert_allclose(np.bincount(two.tokens) / 4000, hot / hot.sum(), atol=1 / 4000)
    assert set(draw(rows, grid, warped_sampling(4000, [MinP(0.6)], temperature=2.0, top_k=1)).tokens.tolist()) == {0}
    assert set(draw(rows, grid, warped_sampling(4000, [MinP(0.6)])).tokens.tolist()) == {0}


def test_logprobs_of_the_model_and_of_the_drawn_distribution_are_kept_apart() -> None:
    rows = np.tile(LOGITS, (2, 1)).astype(np.float32)
    drawn = draw(rows, np.asarray([0.1, 0.9]), RowSampling(*(np.ones(2), np.ones(2), np.zeros(2, int)), [[MinP(0.4)], []]))
    assert drawn.tokens.tolist() == [0, 3]
    assert drawn.sampled is not None
    np.testing.assert_allclose(np.exp(drawn.logprob), [0.5, 0.1], rtol=1e-6)
    np.testing.assert_allclose(np.exp(drawn.sampled), [2 / 3, 0.1], rtol=1e-6)
    assert draw(rows, np.asarray([0.1, 0.9]), sampling(2)).sampled is None


@pytest.mark.parametrize("warp", [Typical(0.7), MinP(0.1)], ids=["typical", "min_p"])
def test_frequencies_under_a_warp_match_its_weights_by_chi_square(warp: Warp) -> None:
    draws = 40_000
    rows = np.tile(LOGITS, (draws, 1)).astype(np.float32)
    seen = np.bincount(draw(rows, SamplingUniforms().of(12, draws), warped_sampling(draws, [warp])).tokens, minlength=6)
    weights = warp.weights(np.log(exact(LOGITS))[None, :])[0]
    expected = draws * weights / weights.sum()
    assert (seen[expected == 0] == 0).all()
    possible = expected > 0
    assert 2 <= possible.sum() <= 5
    assert ((seen[possible] - expected[possible]) ** 2 / expected[possible]).sum() < 25.0
