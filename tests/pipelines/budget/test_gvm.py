"""GVM: the variance ratios of the method card, the traps of the published code, exact totals."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.gvm import Gvm, allot_within
from rollmill.roles.tallies import Draw, Tally
from tests.pipelines.budget.simulation import simulate


def variance_ratio(rates: Sequence[float], norms: Sequence[float], draws: Sequence[float]) -> float:
    """sum G^2 / (p n) of equal draws over that of these draws, at the same sum."""
    equal = sum(draws) / len(draws)
    terms = [norm**2 / rate for rate, norm in zip(rates, norms, strict=True)]
    return sum(terms) / equal / sum(term / n for term, n in zip(terms, draws, strict=True))


def pool(spread: float, rates: Sequence[float], rng: random.Random) -> tuple[list[float], list[float]]:
    return list(rates), [math.exp(rng.gauss(0.0, spread)) for _ in rates]


def known_weights(alpha: float, rates: Sequence[float], norms: Sequence[float]) -> list[float]:
    """The weights of problems whose pilots were endless, so that their rates are known."""
    many = 5000
    tallies = [
        Tally(f"p{n:05}", many, int(many * rate), many - int(many * rate), measured=norm)
        for n, (rate, norm) in enumerate(zip(rates, norms, strict=True))
    ]
    prior_free = Gvm(initial=many, cap=many + 64, alpha=alpha, norms="meta:norm")
    return list(prior_free.weights(tallies).values())


def test_the_variance_ratio_of_the_card() -> None:
    """2.05 on p in [.05, .95], where norms vary by a lognormal factor of .75; most of it is the norms' (1.17 without)."""
    rng = random.Random(3)
    rates, norms = pool(0.75, [rng.uniform(0.05, 0.95) for _ in range(600)], rng)
    expected = [norm / math.sqrt(rate + 1e-3 / rate) for rate, norm in zip(rates, norms, strict=True)]
    assert variance_ratio(rates, norms, expected) == pytest.approx(2.05, abs=0.2)
    flat = [1.0] * len(rates)
    assert variance_ratio(rates, flat, [1 / math.sqrt(rate) for rate in rates]) == pytest.approx(1.17, abs=0.05)


def test_a_regulariser_for_another_pool_is_worse_than_equal_draws() -> None:
    """The card measured .59 at alpha .01 and 1.28 at .001 on a pool with many p < .05; alpha is no constant of nature."""
    rng = random.Random(5)
    rates, norms = pool(0.5, [max(0.003, rng.betavariate(0.5, 2.0)) for _ in range(1500)], rng)
    ratio = {
        alpha: variance_ratio(rates, norms, [norm / math.sqrt(p + alpha / p) for p, norm in zip(rates, norms, strict=True)])
        for alpha in (0.0, 0.001, 0.01)
    }
    assert ratio[0.01] == pytest.approx(0.6, abs=0.1)
    assert ratio[0.001] == pytest.approx(1.15, abs=0.15)
    assert ratio[0.0] > 2


def test_the_weights_are_the_formula() -> None:
    rates, norms = [0.04, 0.25, 0.5, 1.0], [1.0, 2.0, 1.0, 3.0]
    weights = known_weights(1e-3, rates, norms)
    expected = [norm / math.sqrt(rate + 1e-3 / rate) for rate, norm in zip(rates, norms, strict=True)]
    assert [one / weights[0] for one in weights] == pytest.approx([one / expected[0] for one in expected], rel=0.01)


def test_what_a_pilot_of_eight_achieves_beats_equal_draws() -> None:
    rng = random.Random(7)
    rates, norms = pool(0.75, [rng.uniform(0.05, 0.95) for _ in range(400)], rng)
    pilots = []
    for number, (rate, norm) in enumerate(zip(rates, norms, strict=True)):
        correct = sum(rng.random() < rate for _ in range(8))
        pilots.append(Tally(f"p{number:03}", 8, correct, 8 - correct, measured=norm))
    shares = Gvm(main=16, norms="meta:norm").shares(pilots)
    assert variance_ratio(rates, norms, [shares[tally.problem_id] for tally in pilots]) > 1.5


def test_where_every_pilot_failed_all_get_the_same() -> None:
    """The published code divides by the sum of ratios, which is 0 here."""
    tallies = [Tally(key, 8, 0, 8) for key in "abc"]
    assert Gvm(main=5).plan(1, tallies).draws == (Draw("a", 8, 5), Draw("b", 8, 5), Draw("c", 8, 5))


def test_a_problem_at_0_of_8_does_not_starve() -> None:
    tallies = [Tally("never", 8, 0, 8), *[Tally(f"p{n:02}", 8, 4, 4) for n in range(40)]]
    plan = Gvm(main=8, alpha=0.5, floor=2).plan(1, tallies)
    assert {draw.problem_id: draw.count for draw in plan.draws}["never"] >= 2


def test_one_main_round_with_the_exact_total_then_the_stops() -> None:
    rates = {f"p{n:02}": n / 20 for n in range(20)}
    result = simulate(Gvm(initial=8, main=8), rates)
    assert sum(result.drawn.values()) == 20 * 16
    assert (result.rounds, set(result.reasons.values())) == (2, {"budget"})
    assert result.drawn["p03"] > result.drawn["p19"]


def test_a_total_covers_pilot_and_main_draws() -> None:
    rates = dict.fromkeys(("a", "b", "c"), 0.5)
    assert sum(simulate(Gvm(total=31), rates).drawn.values()) == 31
    assert simulate(Gvm(total=24), rates).drawn == {"a": 8, "b": 8, "c": 8}
    assert sum(simulate(Gvm(total=26, floor=1), rates).drawn.values()) == 26  # not enough for the floor: shared equally


def test_norms_by_length_are_a_proxy_and_measured_ones_must_be_there() -> None:
    short, long = Tally("short", 8, 4, 4, tokens=80), Tally("long", 8, 4, 4, tokens=320)
    weights = Gvm(norms="length").weights([short, long])
    assert weights["long"] / weights["short"] == pytest.approx(2.0)
    with pytest.raises(SetupError, match=r"problem short has no positive number 'norm' in its meta"):
        Gvm(norms="meta:norm").weights([short])


WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(1e-6, 1e6), min_size=1)


@given(WEIGHTS, st.integers(0, 3), st.integers(3, 40), st.integers(0, 400))
def test_parts_sum_exactly_between_their_bounds(weights: dict[str, float], least: int, most: int, more: int) -> None:
    available = least * len(weights) + more
    parts = allot_within(weights, available, least=least, most=most)
    assert sum(parts.values()) == min(available, most * len(weights))
    assert all(least <= part <= most for part in parts.values())
    assert allot_within(dict(reversed(weights.items())), available, least=least, most=most) == parts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1}, "budget 'gvm': option 'alpha' is -1, and must be `auto` or a number of at least 0."),
        ({"beta": 1}, "budget 'gvm': option 'beta' is 1, and must be a number above 1."),
        (
            {"norms": "meta:"},
            "budget 'gvm': option 'norms' is 'meta:', and must be `constant`, `length`, `meta:KEY` or positive numbers.",
        ),
        ({"cap": 8}, "budget 'gvm': option 'cap' is 8, and must be a whole number of at least 9."),
    ],
)
def test_senseless_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SetupError) as error:
        Gvm(**options)  # type: ignore[arg-type]
    assert error.value.message == message


def test_norms_by_problem_are_those_of_meta_and_an_unknown_problem_gets_the_median() -> None:
    pilots = [Tally(name, 8, 4, 4, measured=norm) for name, norm in (("a", 1.0), ("b", 4.0), ("c", 2.0))]
    known = Gvm(norms={"a": 1.0, "b": 4.0, "c": 2.0}).weights(pilots)
    assert known == Gvm(norms="meta:norm").weights(pilots)
    assert Gvm(norms={"a": 1.0, "b": 4.0, "d": 2.0}).weights(pilots) == known
    with pytest.raises(SetupError, match="positive numbers"):
        Gvm(norms={"a": 0.0})
