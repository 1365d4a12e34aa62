"""Exact integer shares of a limited number of draws. Knows nothing of problems but their ids and wishes."""

from collections.abc import Mapping

from storage.errors import SetupError


def allot(wishes: Mapping[str, int], available: int) -> dict[str, int]:
    """At most `available` draws over the wishes, in proportion, by largest remainder; ties go to the smaller id.

    The parts sum to min(available, all wishes) exactly, none exceeds its wish, and the order of the mapping is irrelevant.
    """
    total = sum(wishes.values())
    if total <= available:
        return dict(sorted(wishes.items()))
    shares = {key: divmod(wish * available, total) for key, wish in wishes.items()}
    left = available - sum(whole for whole, _ in shares.values())
    by_remainder = sorted(shares, key=lambda key: (-shares[key][1], key))
    rounded_up = frozenset(by_remainder[:left])
    return {key: shares[key][0] + (key in rounded_up) for key in sorted(shares)}


def checked_count(budget: str, option: str, value: object, *, least: int = 1) -> int:
    """A budget option that must be a whole number of at least `least`, else a SetupError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SetupError(
            f"budget {budget!r}: option {option!r} is {value!r}, and must be a whole number of at least {least}.",
            next_command="rollmill recipe check RECIPE",
        )
    return value
