"""Exact cost of tokens: decimal prices, one rounding per completion, whole units afterwards.

For profiles that name prices, and for the spend limiter. The unit is rollmill.ground.money's, a millionth of a
millionth of the profile's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from rollmill.ground.money import UNITS


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per `per` tokens; `cached_input` where the server says how much of a prompt it had cached.

    `models`: the prices of models that cost something else, by name.
    """

    input: float
    output: float
    cached_input: float | None = None
    per: int = 1_000_000
    models: Mapping[str, "Prices"] = field(default_factory=dict)

    def of(self, model: str) -> "Prices":
        """Prices of this model's tokens."""
        return self.models.get(model, self)

    def units(self, tokens_in: int, tokens_out: int, cached: int = 0) -> int:
        """The price in units, halves rounded up."""
        cached = min(cached, tokens_in) if self.cached_input is not None else 0
        exact = tokens_out * _each(self.output, self.per) + (tokens_in - cached) * _each(self.input, self.per)
        if cached:
            exact += cached * _each(self.cached_input or 0.0, self.per)
        return int(exact + Fraction(1, 2))

    def most(self, tokens_in: int, tokens_out: int) -> int:
        """The most units that so many tokens can cost, whatever was cached."""
        dearest = max(self.input, self.cached_input or 0.0)
        return int(tokens_in * _each(dearest, self.per) + tokens_out * _each(self.output, self.per)) + 1

    def cost(self, tokens_in: int | None, tokens_out: int | None, cached: int = 0) -> float | None:
        """Cost of a reply, a whole number of units as a float; None if its tokens are not known."""
        if tokens_in is None or tokens_out is None:
            return None
        return self.units(tokens_in, tokens_out, cached) / UNITS


@lru_cache(maxsize=64)
def _each(price: float, per: int) -> Fraction:
    """Units for one token: the price as a person wrote it (0.15 is 15/100), not the binary fraction next to it."""
    return Fraction(repr(float(price))) * UNITS / per
