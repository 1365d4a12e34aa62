"""Claims: all effects decide, a published number is held against an interval, and each credits its source."""

import pytest

from rollmill.methods import Effect, EffectPrediction, status
from rollmill.stats import Estimate
from rollmill_papers.claims.claim import Claim, findings, number_status
from rollmill_papers.claims.claim_table import CLAIMS


def interval(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 100, 0, "e", "test")


@pytest.mark.parametrize(
    ("low", "high", "published", "expected"),
    [
        (0.60, 0.68, 0.642, "reproduced"),
        (0.6425, 0.70, 0.642, "reproduced"),  # .6425 rounds to what was printed
        (0.6426, 0.70, 0.642, "contradicted"),
        (0.60, 0.6414, 0.642, "contradicted"),
        (0.58, 0.70, 0.642, "inconclusive"),  # 6 points to a side
    ],
)
def test_a_published_number_is_held_against_the_interval_beside_it(
    low: float, high: float, published: float, expected: str
) -> None:
    assert number_status(interval(low, high), published, 0.001) == expected


def test_a_difference_that_may_be_none_reproduces_none() -> None:
    assert number_status(interval(0.01, 0.09), 0.05, 0.001, difference=True) == "reproduced"
    assert number_status(interval(-0.01, 0.08), 0.05, 0.001, difference=True) == "inconclusive"
    assert number_status(interval(-0.01, 0.08), 0.05, 0.001) == "reproduced"  # a rate near 0 is one


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.5, "reproduced"), (-0.01, 0.5, "inconclusive"), (-0.5, -0.01, "contradicted")],
)
def test_a_published_sign_needs_an_interval_on_its_side(low: float, high: float, expected: str) -> None:
    assert number_status(interval(low, high), None, 0.001) == expected


def test_a_claim_needs_all_of_its_effects() -> None:
    two = (EffectPrediction("a", "+", 0.1), EffectPrediction("b", "-", 0.1))
    claim = Claim("c", "s", "t", two, lambda _: (), "r")
    good, weak, bad = Effect(-0.2, 5), Effect(-0.05, 5), Effect(0.2, 5)
    given = {one: status(findings(claim, [(Effect(0.2, 5), one)] * 5)) for one in (good, weak, bad)}
    assert list(given.values()) == ["reproduced", "inconclusive", "contradicted"]
    assert status([]) == "not measured"


def test_every_claim_says_what_it_is_and_what_it_cannot_say() -> None:
    assert len(CLAIMS) >= 15
    for name, claim in CLAIMS.items():
        assert claim.name == name
        assert claim.statement.endswith(".")
        assert claim.reach.endswith(".")
        assert claim.expected
        assert len({one.effect for one in claim.expected}) == len(claim.expected)
        assert bool(claim.pools) or not claim.recorded


def test_a_paper_is_credited_with_a_sentence_of_its_own() -> None:
    """A claim that names a paper as its source quotes it; what is ours says so; a simulation is on the board of checks."""
    for name, claim in CLAIMS.items():
        ours = claim.source.startswith(("Ours", "Galton", "The project", "Girshick", "Haldane")) or claim.board == "checks"
        assert bool(claim.says) or ours, name
        assert claim.board == "checks" or claim.pools, name


def test_kang_et_al_are_not_credited_with_the_opposite_of_their_abstract() -> None:
    """They say that self-certainty scales with the sample size N; a check must predict that it grows."""
    grows, loses = CLAIMS["certainty-grows-with-n"], CLAIMS["certainty-loses-to-vote"]
    assert "scales effectively with increasing sample size N" in grows.says
    assert [one.sign for one in grows.expected] == ["+"]
    assert "underperforms compared to self-consistency" in loses.says
    assert [one.sign for one in loses.expected] == ["-"]
