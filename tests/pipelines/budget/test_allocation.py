"""Sharing a limited number of draws: exact, bounded, fair to one draw, blind to order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.budget.allocation import allot

WISHES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 50), max_size=12)


def test_everything_is_granted_while_it_fits() -> None:
    assert allot({"b": 3, "a": 2}, 5) == {"a": 2, "b": 3}


def test_one_draw_for_three_equal_wishes_goes_to_the_first_id() -> None:
    assert allot({"c": 1, "a": 1, "b": 1}, 1) == {"a": 1, "b": 0, "c": 0}


def test_largest_remainder_wins() -> None:
    assert allot({"a": 1, "b": 5, "c": 4}, 5) == {"a": 1, "b": 2, "c": 2}


@given(WISHES, st.integers(0, 300))
@settings(deadline=None)
def test_the_parts_sum_exactly_and_exceed_no_wish(wishes: dict[str, int], available: int) -> None:
    parts = allot(wishes, available)
    assert sum(parts.values()) == min(available, sum(wishes.values()))
    assert all(0 <= parts[key] <= wishes[key] for key in wishes)


@given(WISHES, st.integers(0, 300))
@settings(deadline=None)
def test_nobody_is_a_whole_draw_away_from_their_share(wishes: dict[str, int], available: int) -> None:
    total = sum(wishes.values())
    for key, part in allot(wishes, available).items():
        share = wishes[key] * min(available, total) / total if total else 0
        assert abs(part - share) < 1


@given(WISHES, st.integers(0, 300), st.randoms())
@settings(deadline=None)
def test_the_order_of_the_wishes_is_irrelevant(wishes: dict[str, int], available: int, rng: object) -> None:
    keys = list(wishes)
    rng.shuffle(keys)  # type: ignore[attr-defined]
    assert allot({key: wishes[key] for key in keys}, available) == allot(wishes, available)
