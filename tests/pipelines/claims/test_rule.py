"""The rule by which measured effects become a status: each of its three conditions fails a claim by itself."""

import pytest

from pipelines.claims import CLAIMS, Claim, Effect, Prediction, findings, status
from pipelines.claims.claim import finding


@pytest.mark.parametrize(
    ("sign", "allowed", "refused"),
    [
        ("+", [0.05, 0.9], [0.04, 0.0, -0.1]),
        ("-", [-0.05, -0.9], [-0.04, 0.0, 0.1]),
        ("=", [-0.05, 0.0, 0.05], [-0.06, 0.06]),
        ("no fall", [-0.05, 0.0, 0.9], [-0.06]),
        ("no rise", [0.05, 0.0, -0.9], [0.06]),
    ],
)
def test_a_prediction_allows_one_side_of_its_tolerance(sign: str, allowed: list[float], refused: list[float]) -> None:
    expected = Prediction("e", sign, 0.05)  # type: ignore[arg-type]
    assert [expected.allows(value) for value in allowed + refused] == [True] * len(allowed) + [False] * len(refused)


def test_a_tolerance_is_a_size() -> None:
    with pytest.raises(ValueError, match="a tolerance is a size"):
        Prediction("e", "+", -0.1)


def test_five_seeds_that_agree_reproduce() -> None:
    found = finding(Prediction("e", "+", 0.05), [Effect(value, 10) for value in (0.09, 0.10, 0.11, 0.10, 0.10)])
    assert found.value == pytest.approx(0.10)
    assert (found.met, found.seeds, found.n) == (5, 5, 50)
    # t of .975 with 4 degrees of freedom is 2.776, the standard error .0070711 / sqrt(5)
    assert [found.low, found.high] == pytest.approx([0.0912, 0.1088], abs=1e-4)
    assert found.reproduced


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ((0.04, 0.04, 0.04, 0.04, 0.05), "+0.042 is not at least +0.05; as predicted in 1 of 5 seeds"),
        ((0.30, 0.30, 0.30, 0.04, 0.04), "as predicted in 3 of 5 seeds"),
        (
            (0.90, 0.06, 0.06, 0.06, -0.30),
            "the interval [-0.396, +0.708] does not exclude the opposite",
        ),
    ],
)
def test_each_condition_fails_by_itself(values: tuple[float, ...], why: str) -> None:
    assert finding(Prediction("e", "+", 0.05), [Effect(value, 10) for value in values]).why == why


def test_one_seed_is_judged_by_its_own_interval() -> None:
    expected = Prediction("e", "+", 0.05)
    assert finding(expected, [Effect(0.2, 10, 0.1, 0.3)]).reproduced
    assert (
        finding(expected, [Effect(0.2, 10, -0.1, 0.5)]).why == "the interval [-0.100, +0.500] does not exclude the opposite"
    )


def test_equal_effects_of_all_seeds_are_their_own_interval() -> None:
    found = finding(Prediction("e", "=", 0.05), [Effect(0.0, 10)] * 5)
    assert (found.low, found.high, found.reproduced) == (0.0, 0.0, True)


def test_a_claim_needs_all_of_its_effects() -> None:
    two = (Prediction("a", "+", 0.1), Prediction("b", "-", 0.1))
    claim = Claim("c", "s", "t", two, lambda _: (), "r")
    good, bad = (Effect(0.2, 5), Effect(-0.2, 5)), (Effect(0.2, 5), Effect(0.2, 5))
    assert status(findings(claim, [good] * 5)) == "reproduced"
    assert status(findings(claim, [bad] * 5)) == "not reproduced"
    assert status([]) == "not testable here"


def test_every_claim_says_what_it_is_and_what_it_cannot_say() -> None:
    assert len(CLAIMS) >= 15
    for name, claim in CLAIMS.items():
        assert claim.name == name
        assert claim.statement.endswith(".")
        assert claim.reach.endswith(".")
        assert claim.source
        assert claim.expected
        assert len({one.effect for one in claim.expected}) == len(claim.expected)
        assert bool(claim.pools) or not claim.recorded
