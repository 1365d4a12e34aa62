"""Types of a parsed answer: a number, a list, an interval, an equation, a matrix, words. Compares nothing."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from rollmill.pipelines.verify.answers.expressions.algebra import Formula
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode
from rollmill.pipelines.verify.answers.expressions.quantity import NO_SLACK
from rollmill.pipelines.verify.answers.expressions.units import turning_words

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


def key(value: Value) -> str:
    """Canonical text of a value, for evidence and for clustering answers without a reference."""
    if isinstance(value, Scalar):
        inner = value.formula.key() if value.formula is not None else f"<{value.node.op}>"
        return " ".join([inner + value.scale, *(turning_words(value.unit) if value.unit else ())])
    if isinstance(value, Collection):
        items = [key(item) for item in value.items]
        if value.kind in ("set", "either"):
            return "{" + ", ".join(sorted(set(items))) + "}"
        if value.kind == "ratio":
            return ":".join(items)
        opening, closing = ("", "") if value.kind == "list" else (value.kind[0], value.kind[1])
        return opening + ", ".join(items) + closing
    if isinstance(value, Interval):
        ends = [f"{'-' * (not i)}∞" if end is None else key(end) for i, end in enumerate((value.low, value.high))]
        return ("[" if value.closed[0] else "(") + ", ".join(ends) + ("]" if value.closed[1] else ")")
    if isinstance(value, Union):
        return " ∪ ".join(sorted(map(key, value.parts)))
    return _key_of_rest(value)


def _key_of_rest(value: NamedValue | Assignments | Relation | Matrix | Words) -> str:
    if isinstance(value, NamedValue):
        return f"{value.name} = {key(value.value)}"
    if isinstance(value, Assignments):
        pairs = zip(value.names, value.values, strict=True)
        return ", ".join(sorted(f"{name} = {key(item)}" for name, item in pairs))
    if isinstance(value, Relation):
        return f"{key(value.left)} {value.sign} {key(value.right)}"
    if isinstance(value, Matrix):
        return "[" + "; ".join(", ".join(map(key, row)) for row in value.rows) + "]"
    return value.text
