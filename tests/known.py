"""Values that a test takes for known."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """The value, which has to be there."""
    assert value is not None
    return value
