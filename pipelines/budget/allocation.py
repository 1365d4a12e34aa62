"""Exact integer shares of a limited number of draws. Knows nothing of problems but their ids and wishes."""

from collections.abc import Mapping, Sequence

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


def allot_within(weights: Mapping[str, float], available: int, *, least: int, most: int) -> dict[str, int]:
    """Draws in proportion to positive weights, each from `least` to `most`, by largest remainder; ties to the smaller id.

    The parts sum to `available` exactly, or to `most` for everybody where that is less; `least` for everybody must fit.
    """
    open_keys, parts = sorted(weights), dict.fromkeys(sorted(weights), least)
    left = min(available, most * len(weights)) - least * len(weights)
    if left < 0:
        raise ValueError(f"{available} draws do not give {least} to each of {len(weights)} problems")
    while left and open_keys:
        total = sum(weights[key] for key in open_keys)
        shares = {key: min(most - parts[key], int(weights[key] / total * left)) for key in open_keys}
        rest = {key: weights[key] / total * left - shares[key] for key in open_keys if parts[key] + shares[key] < most}
        over = left - sum(shares.values())
        rounded_up = sorted(rest, key=lambda key: (-rest[key], key))[:over]
        for key in open_keys:
            parts[key] += shares[key] + (key in rounded_up)
        left -= sum(shares.values()) + len(rounded_up)
        open_keys = [key for key in open_keys if parts[key] < most]
    return parts


def checked_count(budget: str, option: str, value: object, *, least: int = 1) -> int:
    """A budget option that must be a whole number of at least `least`, else a SetupError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SetupError(
            f"budget {budget!r}: option {option!r} is {value!r}, and must be a whole number of at least {least}.",
            next_command="rollmill recipe check RECIPE",
        )
    return value


def checked_share(budget: str, option: str, value: object) -> float:
    """A budget option that must be a number from 0 to 1, else a SetupError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise SetupError(
            f"budget {budget!r}: option {option!r} is {value!r}, and must be a number from 0 to 1.",
            next_command="rollmill recipe check RECIPE",
        )
    return value


def checked_choice(budget: str, option: str, value: object, choices: Sequence[str]) -> None:
    """A budget option that must be one of these words, else a SetupError that names them."""
    if value not in choices:
        raise SetupError(f"budget {budget!r}: option {option!r} is {value!r}.", choices=tuple(choices))
