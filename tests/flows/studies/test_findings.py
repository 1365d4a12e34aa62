"""The rule by which measured effects become a status: each of its three conditions fails a claim by itself."""

import pytest

from rollmill.flows.studies.effects import Effect, EffectPrediction
from rollmill.flows.studies.findings import finding


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


def test_one_seed_is_judged_by_its_own_interval() -> None:
    expected = EffectPrediction("e", "+", 0.05)
    assert finding(expected, [Effect(0.2, 10, 0.1, 0.3)]).status == "reproduced"
    assert (
        finding(expected, [Effect(0.2, 10, -0.1, 0.5)]).why == "the interval [-0.100, +0.500] does not exclude the opposite"
    )


def test_equal_effects_of_all_seeds_are_their_own_interval() -> None:
    found = finding(EffectPrediction("e", "=", 0.05), [Effect(0.0, 10)] * 5)
    assert (found.low, found.high, found.status) == (0.0, 0.0, "reproduced")
