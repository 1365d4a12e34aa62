"""Prices: exact, rounded once per completion."""

from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.money import units_of
from rollmill.pipelines.generate.prices import Prices

PRICES = Prices(0.15, 0.6, cached_input=0.075)


def test_a_price_is_what_a_person_wrote() -> None:
    assert PRICES.units(1_000_000, 0) == 150_000_000_000
    assert PRICES.units(1, 1) == 750_000
    assert PRICES.units(3, 0, cached=2) == 300_000
    assert Prices(0.1, 0.2).units(1, 1) == 300_000


def test_models_may_have_prices_of_their_own() -> None:
    both = Prices(1.0, 2.0, models={"large": Prices(10.0, 20.0)})
    assert (both.of("large").units(1, 1), both.of("small").units(1, 1)) == (30_000_000, 3_000_000)
    assert both.of("small") is both


def test_half_a_unit_is_rounded_up_and_only_once() -> None:
    thirds = Prices(1.0, 0.0, per=3 * 10**12)
    assert [thirds.units(tokens, 0) for tokens in (1, 2, 3, 4, 5)] == [0, 1, 1, 1, 2]


def test_more_cached_than_sent_and_caches_without_a_price() -> None:
    assert PRICES.units(10, 0, cached=99) == 750_000
    assert Prices(0.15, 0.6).units(10, 0, cached=4) == 1_500_000


@given(tokens_in=st.integers(0, 10**6), tokens_out=st.integers(0, 10**6), cached=st.integers(0, 10**6))
def test_a_stored_cost_is_the_exact_one_and_never_beyond_the_most(tokens_in: int, tokens_out: int, cached: int) -> None:
    units = PRICES.units(tokens_in, tokens_out, cached)
    assert units_of(PRICES.cost(tokens_in, tokens_out, cached)) == units
    assert units <= PRICES.most(tokens_in, tokens_out)


@given(
    price=st.floats(0, 100).map(lambda value: round(value, 4)),
    rows=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 9)), min_size=1, max_size=50),
)
def test_every_grouping_has_one_total(price: float, rows: list[tuple[int, int, int]]) -> None:
    prices = Prices(price, 2 * price)
    costs = [(prices.cost(tokens_in, tokens_out), group) for tokens_in, tokens_out, group in rows]
    total = sum(units_of(cost) for cost, _ in costs)
    assert sum(sum(units_of(cost) for cost, group in costs if group == one) for one in range(10)) == total
    assert sum(units_of(cost) for cost, _ in reversed(costs)) == total


def test_unknown_counts_have_no_cost() -> None:
    assert PRICES.cost(None, 3) is None
    assert PRICES.cost(3, None) is None
