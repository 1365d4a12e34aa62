"""Options of methods that must be a number or a word of some kind: one check and one sentence for every role.

A recipe's options have passed the types of their fields before (flows/recipe/methods.py); here are the bounds, and checks
of values from notebooks.
"""

import math
from collections.abc import Sequence

from rollmill.ground.errors import SetupError


def checked_count(role: str, name: str, option: str, value: object, *, least: int = 1) -> int:
    """An option that must be a whole number of at least `least`, else a SetupError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise refused(role, name, option, value, f"a whole number of at least {least}")
    return value


def checked_share(role: str, name: str, option: str, value: object) -> float:
    """An option that must be a number from 0 to 1, else a SetupError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise refused(role, name, option, value, "a number from 0 to 1")
    return value


def checked_level(role: str, name: str, option: str, value: object) -> None:
    """SetupError if an option is not a number above 0 and below 1, as a chance of error is."""
    if not 0 < checked_share(role, name, option, value) < 1:
        raise refused(role, name, option, value, "between 0 and 1")


def checked_positive(role: str, name: str, option: str, value: object) -> None:
    """SetupError if an option is not a number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise refused(role, name, option, value, "a number above 0")


def checked_choice(role: str, name: str, option: str, value: object, choices: Sequence[str]) -> None:
    """Raise SetupError, with the valid words, for an option that is none of them."""
    if value not in choices:
        raise SetupError(f"{role} {name!r}: option {option!r} is {value!r}.", choices=tuple(choices))


def refused(role: str, name: str, option: str, value: object, wanted: str) -> SetupError:
    """The error for an option with an invalid value."""
    return SetupError(f"{role} {name!r}: option {option!r} is {value!r}, and must be {wanted}.")
