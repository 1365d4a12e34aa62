"""The field of a step's votes that a scorer or a verifier reads, and its value as a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from rollmill.ground.errors import SetupError
from rollmill.roles.protocols import Vote

_EXACT = 2.0**31
"""Sums of whole numbers below this have no error."""


@dataclass(frozen=True, slots=True)
class VoteField:
    """`of`: the step and the field that is read, `grade.score`. `says`: words that count as 1, and all others as 0."""

    of: str
    says: tuple[str, ...] = ()

    def check(self, who: str, readable: int) -> None:
        """SetupError if this is not a field, or `readable` not a number of votes; `who`: a scorer or a verifier."""
        step, _, field = self.of.partition(".")
        if not step or not field:
            raise SetupError(f"{who}: of is {self.of!r}.", choices=("STEP.FIELD, grade.score for one",))
        if isinstance(readable, bool) or not isinstance(readable, int) or readable < 1:
            raise SetupError(f"{who}: readable is {readable!r}, and must be a whole number of at least 1.")

    @property
    def version(self) -> str:
        """Part of the version for everything that can change a number."""
        return f"of={self.of}" if not self.says else f"of={self.of} says={'|'.join(self.says)}"

    def value(self, vote: Vote) -> float | None:
        """Number that a vote gives a completion; None if it gives none that can be read."""
        step, _, field = self.of.partition(".")
        text = vote.fields.get(field)
        if vote.step != step or text is None:
            return None
        if self.says:
            return float(text in self.says)
        try:
            number = float(text)
        except ValueError:
            return None
        if vote.place:
            return float(number == vote.place) if 1 <= number <= vote.of else None
        return number if isfinite(number) else None


def mean(values: Sequence[float]) -> float:
    """The mean of the read values in decimal arithmetic: .1, .2 and .3 give .2, and no sum overflows."""
    if all(abs(value) < _EXACT and value.is_integer() for value in values):
        return sum(values) / len(values)
    return float(sum(Fraction(repr(value)) for value in values) / len(values))
