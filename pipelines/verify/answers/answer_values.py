"""Types of a parsed answer: a number, a list, an interval, an equation, a matrix, words. Compares nothing."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pipelines.verify.answers.expressions.algebra import Formula
from pipelines.verify.answers.expressions.grammar import ExpressionNode
from pipelines.verify.answers.expressions.quantity import NO_SLACK

IN_ALL = "in all"
"""Behind the unit of a quantity that was given in several ones: 150 of `minute in all` are 2 hours 30 minutes."""
Kind = Literal["list", "either", "()", "[]", "set", "ratio"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `formula` is None if exact arithmetic gives up; `slack` and `places` are those of a plain
    decimal.
    """

    node: ExpressionNode
    formula: Formula | None
    scale: str = ""
    unit: str = ""
    slack: Fraction = NO_SLACK
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Several values: in brackets, bare (`list`), joined by or (`either`), or 1:2 (`ratio`, never reduced; 12:00 too)."""

    kind: Kind
    items: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """From low to high; None is infinite. `closed` says which ends belong to it."""

    low: Scalar | None
    high: Scalar | None
    closed: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Union:
    """A union of intervals and sets."""

    parts: tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class NamedValue:
    """`name = value` or `name in value`."""

    name: str
    value: "Value"


@dataclass(frozen=True, slots=True)
class Assignments:
    """Several names with their values, in the order of the tuple they make: as written in (y, x) = (1, 2), else by name.

    `as_written` says that they were written in that order.
    """

    names: tuple[str, ...]
    values: tuple["Value", ...]
    as_written: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """left sign right, where the sign is = or < or ≤, and neither side is a bare name."""

    sign: str
    left: Scalar
    right: Scalar


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of equal length."""

    rows: tuple[tuple["Value", ...], ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Text that is not mathematics, in its normal spelling."""

    text: str


Value = Scalar | Collection | Interval | Union | NamedValue | Assignments | Relation | Matrix | Words
