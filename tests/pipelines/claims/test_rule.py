"""The rule by which measured effects become a status: each of its three conditions fails a claim by itself."""

import pytest

from rollmill.pipelines.claims import CLAIMS, Claim, Effect, EffectPrediction, findings, number_status, status
from rollmill.pipelines.claims.claim import finding
from rollmill.stats import Estimate


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
    expected = EffectPrediction("e", sign, 0.05)  # type: ignore[arg-type]
    assert [expected.allows(value) for value in allowed + refused] == [True] * len(allowed) + [False] * len(refused)


def test_a_tolerance_is_a_size() -> None:
    with pytest.raises(ValueError, match="a tolerance is a size"):
        EffectPrediction("e", "+", -0.1)


def test_five_seeds_that_agree_reproduce() -> None:
    found = finding(EffectPrediction("e", "+", 0.05), [Effect(value, 10) for value in (0.09, 0.10, 0.11, 0.10, 0.10)])
    assert found.value == pytest.approx(0.10)
    assert (found.met, found.seeds, found.n) == (5, 5, 50)
    # t of .975 with 4 degrees of freedom is 2.776, the standard error .0070711 / sqrt(5)
    assert [found.low, found.high] == pytest.approx([0.0912, 0.1088], abs=1e-4)
    assert found.status == "reproduced"


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
    found = finding(EffectPrediction("e", "+", 0.05), [Effect(value, 10) for value in values])
    assert (found.why, found.status) == (why, "inconclusive")


@pytest.mark.parametrize(
    ("sign", "values"),
    [
        ("+", (-0.10, -0.11, -0.09, -0.10, -0.10)),
        ("-", (0.10, 0.11, 0.09, 0.10, 0.10)),
        ("=", (0.10, 0.11, 0.09, 0.10, 0.10)),
        ("no fall", (-0.10, -0.11, -0.09, -0.10, -0.10)),
        ("no rise", (0.10, 0.11, 0.09, 0.10, 0.10)),
    ],
)
def test_an_interval_without_room_for_the_prediction_contradicts_it(sign: str, values: tuple[float, ...]) -> None:
    expected = EffectPrediction("e", sign, 0.05)  # type: ignore[arg-type]
    assert finding(expected, [Effect(value, 10) for value in values]).status == "contradicted"
    # with room for it, however little, it is not decided
    assert finding(expected, [Effect(value, 10) for value in (*values[:4], -8 * values[4])]).status == "inconclusive"


def test_a_small_effect_of_the_predicted_sign_contradicts_nothing() -> None:
    """+.03 where at least +.05 was predicted: the sign holds, the size does not."""
    found = finding(EffectPrediction("e", "+", 0.05), [Effect(value, 10) for value in (0.03, 0.031, 0.029, 0.03, 0.03)])
    assert found.status == "inconclusive"


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


def test_one_seed_is_judged_by_its_own_interval() -> None:
    expected = EffectPrediction("e", "+", 0.05)
    assert finding(expected, [Effect(0.2, 10, 0.1, 0.3)]).status == "reproduced"
    assert (
        finding(expected, [Effect(0.2, 10, -0.1, 0.5)]).why == "the interval [-0.100, +0.500] does not exclude the opposite"
    )


def test_equal_effects_of_all_seeds_are_their_own_interval() -> None:
    found = finding(EffectPrediction("e", "=", 0.05), [Effect(0.0, 10)] * 5)
    assert (found.low, found.high, found.status) == (0.0, 0.0, "reproduced")


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
