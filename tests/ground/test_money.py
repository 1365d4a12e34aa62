"""Money as whole units: one rounding, then integers."""

from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.money import UNITS, amount, micros_of, shown, units_of


@given(st.integers(0, 2 * 10**15))
def test_a_cost_stored_as_a_float_comes_back_exactly(units: int) -> None:
    assert units_of(units / UNITS) == units


@given(st.lists(st.integers(0, 10**12), min_size=1), st.randoms())
def test_every_order_and_split_has_one_total(units: list[int], rng: object) -> None:
    costs = [unit / UNITS for unit in units]
    cut = rng.randrange(len(costs) + 1)  # type: ignore[attr-defined]
    left, right = costs[:cut], costs[cut:]
    rng.shuffle(right)  # type: ignore[attr-defined]
    assert sum(map(units_of, left)) + sum(map(units_of, right)) == sum(units)


def test_floats_would_not_reconcile_and_units_do() -> None:
    costs = [0.1, 0.2, 0.3]
    assert (costs[0] + costs[1]) + costs[2] != costs[0] + (costs[1] + costs[2])
    assert sum(map(units_of, costs)) == 600_000_000_000


def test_amounts_for_people() -> None:
    assert [shown(units, "USD") for units in (0, 1_234_500_000_000_000, 123_456_000_000, 12_300_000)] == [
        "0.00 USD",
        "1,234.50 USD",
        "0.1235 USD",
        "0.00001230 USD",
    ]
    assert shown(5 * UNITS, None) == "5.000"
    assert str(amount(150_000)) == "1.5E-7"


def test_seconds_are_whole_millionths() -> None:
    assert [micros_of(None), micros_of(0.1), micros_of(1.0000004)] == [0, 100_000, 1_000_000]
