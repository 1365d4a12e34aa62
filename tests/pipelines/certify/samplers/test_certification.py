"""Certificates of toy samplers: right ones pass, each planted fault fails, and what cannot be tested is said."""

import numpy as np
import pytest

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.certify.samplers.certification import (
    PlantedFault,
    SamplerCertificate,
    SamplerClaim,
    certify_sampler,
)
from rollmill.pipelines.certify.samplers.stated import NextTokens, stated_chances
from tests.pipelines.certify.samplers.samplers import CHANCES, Gumbel, Hot, Rare, Right, Silent, Stating, Swapped

pytestmark = pytest.mark.integration

PROBLEMS = [Problem("2 + 2?", "4"), Problem("2 + 3?", "5"), Problem("2 + 4?", "6")]


def certificate(engine: Right, draws: int = 5_000, **sampling: float) -> SamplerCertificate:
    claim = SamplerClaim(Sampling(max_tokens=1, **sampling), draws)  # type: ignore[arg-type]
    return certify_sampler(engine, PROBLEMS, claim)


@pytest.mark.parametrize("engine", [Right(), Stating()], ids=["in replies", "whole"])
def test_a_right_sampler_is_clean_however_it_states_its_distribution(engine: Right) -> None:
    made = certificate(engine)
    assert made.clean
    assert made.greedy == (3, 3)
    assert {test.test for _, test, _ in made.tests} >= {"chi-square", "mean log-probability", "mean log-probability of all"}
    assert (made.faults[0].fault, made.faults[0].of, made.faults[0].draws) == ("none", 50, 5_000)
    assert made.faults[0].caught <= 3
    assert made.faults[2] == PlantedFault("32-bit Gumbel noise", 1, 1, 200_000, "50,000 tokens of 2e-08 each")


def test_a_right_sampler_is_clean_at_another_temperature() -> None:
    assert certificate(Stating(), temperature=0.6).clean
    assert certificate(Right(), temperature=0.6).clean


def test_a_temperature_of_97_hundredths_fails() -> None:
    made = certificate(Hot(), draws=20_000)
    assert made.faults[1].fault == "temperature .97"
    assert made.faults[1].caught >= 45
    assert not made.clean
    assert "mean log-probability of all" in {test.test for _, test, _ in made.failing}


def test_two_tokens_in_each_others_place_fail_by_chi_square() -> None:
    assert "chi-square" in {test.test for _, test, _ in certificate(Swapped()).failing}


def test_cuts_that_the_engine_ignores_fail_at_once() -> None:
    made = certificate(Stating(), top_k=3)
    assert {test.test for _, test, _ in made.failing} >= {"excluded tokens"}


def test_so_few_draws_that_a_fault_escapes_are_told() -> None:
    fault = certificate(Stating(), draws=200).faults[1]
    assert (fault.fault, fault.of) == ("temperature .97", 50)
    assert fault.caught < 10


def test_the_draws_that_imprecise_noise_would_change_are_told() -> None:
    """Half a step of 2^-24 a token that has more, so hardly any of 48 tokens; all of a mass whose tokens are not stated."""
    few = certificate(Stating(), draws=200)
    assert few.draws == 600
    assert few.moved == pytest.approx(600 * np.minimum(CHANCES, 2**-25).sum())
    claim = SamplerClaim(Sampling(max_tokens=1), 12_000)
    many = certify_sampler(Rare(), PROBLEMS[:1], claim)
    assert 11.9 < many.moved < 12.1  # 12,000 draws of which 1e-3 are of rare tokens


@pytest.mark.integration
def test_gumbel_noise_of_32_bits_fails_and_exact_draws_of_rare_tokens_pass() -> None:
    claim = SamplerClaim(Sampling(max_tokens=1), 30_000)
    assert certify_sampler(Rare(), PROBLEMS[:1], claim).clean
    assert not certify_sampler(Gumbel(), PROBLEMS[:1], claim).clean


def test_an_engine_without_log_probabilities_states_nothing() -> None:
    with pytest.raises(SetupError, match="engine 'silent' gives no log-probabilities"):
        certificate(Silent(), draws=100)


def test_the_stated_chances_follow_the_definitions() -> None:
    known = NextTokens(range(4), np.log([0.5, 0.25, 0.125, 0.125]))
    assert stated_chances(known, Sampling()).round(9).tolist() == [0.5, 0.25, 0.125, 0.125, 0.0]
    hot = stated_chances(known, Sampling(temperature=0.5))[:4]
    assert hot.tolist() == pytest.approx([16 / 22, 4 / 22, 1 / 22, 1 / 22])
    assert stated_chances(known, Sampling(top_p=0.7))[:4].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    min_p = (RecordedMethod("min_p", "1", '{"share":0.4}'),)
    assert stated_chances(known, Sampling(warp=min_p))[:4].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    with pytest.raises(SetupError, match=r"states log-probabilities of 95\.0% of the mass"):
        stated_chances(NextTokens(known.tokens, known.logp, 0.05), Sampling(top_k=2))
