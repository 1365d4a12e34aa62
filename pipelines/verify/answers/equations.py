"""Equations and inequalities as values: their difference, the unknown they solve for, a named value as an equation, and the
unions of intervals that several conditions on one name make: x < 1 or x = 3, x < 5 and x ≠ 3.
"""

from collections.abc import Mapping
from fractions import Fraction

from rollmill.pipelines.verify.answers.answer_values import (
    Collection,
    Interval,
    Kind,
    Matrix,
    NamedValue,
    Relation,
    Scalar,
    Union,
    Value,
)
from rollmill.pipelines.verify.answers.expressions import algebra
from rollmill.pipelines.verify.answers.expressions.algebra import UNIT, Formula, UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.formulas import formula
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode


def united(kind: Kind, values: list[Value]) -> Value | None:
    """x < 1 or x = 3 as a union; x < 5 and x ≠ 3 as the rest of an interval; None for anything else."""
    if kind == "either" and all(isinstance(value, Interval | Scalar) for value in values):
        return Union(tuple(Collection("set", (value,)) if isinstance(value, Scalar) else value for value in values))
    holes = [_hole(value) for value in values[1:]]
    if kind != "list" or not isinstance(values[0], Interval) or None in holes:
        return None
    return without_points(values[0], Collection("set", tuple(hole for hole in holes if hole is not None)))


def _hole(value: Value) -> Scalar | None:
    """The a of x ≠ a."""
    parts = value.parts if isinstance(value, Union) else ()
    if len(parts) == 2 and all(isinstance(part, Interval) for part in parts):
        low, high = parts
        if isinstance(low, Interval) and isinstance(high, Interval) and low.low is high.high is None:
            return low.high if low.high is high.low else None
    return None


def without_points(value: Value, points: Value) -> Value:
    """An interval or a union of them without some rational points."""
    if isinstance(value, NamedValue):
        return NamedValue(value.name, without_points(value.value, points))
    holes = points.items if isinstance(points, Collection) and points.kind in ("set", "list") else ()
    parts = value.parts if isinstance(value, Union) else (value,)
    if not holes or not all(isinstance(part, Interval) for part in parts):
        raise UnsupportedForm("a difference of what are no intervals and points")
    for hole in holes:
        parts = tuple(piece for part in parts for piece in _cut(part, hole))
    return parts[0] if len(parts) == 1 else Union(parts)


def _cut(part: Value, hole: Value) -> tuple[Value, ...]:
    assert isinstance(part, Interval)
    place = _rational(hole) if isinstance(hole, Scalar) else None
    low, high = (_rational(end) for end in (part.low, part.high))
    if place is None or (part.low is not None and low is None) or (part.high is not None and high is None):
        raise UnsupportedForm("a point that is no plain number")
    assert isinstance(hole, Scalar)
    if (low is not None and place < low) or (high is not None and place > high):
        return (part,)
    if place in (low, high):
        return (Interval(part.low, part.high, (part.closed[0] and place != low, part.closed[1] and place != high)),)
    return (Interval(part.low, hole, (part.closed[0], False)), Interval(hole, part.high, (False, part.closed[1])))


def _rational(end: Scalar | None) -> Fraction | None:
    return None if end is None or end.formula is None else end.formula.rational()


def solved_for_unknown(relation: Relation, scalar: Scalar) -> Formula | None:
    """y of an equation y + 1 = x², where the other side is a formula in x alone; None for any other equation."""
    between = difference(relation)
    if relation.sign != "=" or between is None or between.den != {UNIT: 1} or scalar.formula is None:
        return None
    unknown = between.symbols - scalar.formula.symbols
    if len(unknown) != 1 or not scalar.formula.symbols:
        return None
    name = f"s:{next(iter(unknown))}"
    slope = between.num.get(((name, Fraction(1)),), Fraction(0))
    rest = {mono: -factor / slope for mono, factor in between.num.items() if slope and all(n != name for n, _ in mono)}
    if not slope or len(rest) != len(between.num) - 1:
        return None
    return Formula(rest, {UNIT: Fraction(1)})


def quotient(top: Value, bottom: Value) -> Scalar:
    """One value over another."""
    assert isinstance(top, Scalar)
    assert isinstance(bottom, Scalar)
    node = ExpressionNode("/", (top.node, bottom.node))
    return Scalar(node, formula(node))


def cells(value: Value) -> tuple[Value, ...] | None:
    """The entries of a vector: a row, a column, or a tuple."""
    if isinstance(value, Matrix) and 1 in (len(value.rows), len(value.rows[0])):
        return tuple(cell for row in value.rows for cell in row)
    return value.items if isinstance(value, Collection) and value.kind in ("()", "[]") else None


def as_vector(value: Value, other: Value) -> Value:
    """3i - 2j + k as (3, -2, 1), if the other side is a vector; any other value unchanged."""
    entries = cells(other) if isinstance(value, Scalar) else None
    if entries is None or not isinstance(value, Scalar):
        return value
    names = {part.text for part in value.node.walk() if part.op == "name"} & {"i", "j", "k"}
    if not names & {"j", "k"} or len(entries) not in (2, 3) or ("k" in names and len(entries) == 2):
        return value
    nodes = [_at(value.node, {name: int(name == unit) for name in "ijk"}) for unit in ("", *"ijk"[: len(entries)])]
    rest, *parts = [Scalar(node, formula(node)) for node in nodes]
    return Collection("()", tuple(parts)) if rest.formula is not None and not rest.formula.num else value


def _at(node: ExpressionNode, values: Mapping[str, int]) -> ExpressionNode:
    """A tree with numbers in place of names."""
    if node.op == "name" and node.text in values:
        return ExpressionNode("number", (), str(values[node.text]), Fraction(values[node.text]))
    return ExpressionNode(node.op, tuple(_at(arg, values) for arg in node.args), node.text, node.value)


def same_residue(left: NamedValue, right: NamedValue) -> bool:
    """True for members of one class: 3 and 10 (mod 7)."""
    if not left.name.startswith("mod ") or not isinstance(left.value, Scalar) or not isinstance(right.value, Scalar):
        return False
    first, second, size = left.value.node, right.value.node, int(left.name[4:])
    numbers = [formula(node).rational() for node in (first, second)]
    return bool(size) and numbers[0] is not None and numbers[1] is not None and (numbers[0] - numbers[1]) % size == 0


def solved(relation: Relation) -> NamedValue | None:
    """A linear inequality in one unknown, solved: 2x < 6 is x in (-∞, 3)."""
    between = difference(relation)
    if relation.sign not in ("<", "≤") or between is None or len(between.symbols) != 1 or between.den != {UNIT: 1}:
        return None
    name = next(iter(between.symbols))
    slope = between.num.get(((f"s:{name}", Fraction(1)),), Fraction(0))
    offset = between.num.get(UNIT, Fraction(0))
    if not slope or len(between.num) != 1 + bool(offset):
        return None
    end, closed = -offset / slope, relation.sign == "≤"
    bound = Scalar(ExpressionNode("number", (), str(end), end), algebra.constant(end))
    if slope > 0:
        return NamedValue(name, Interval(None, bound, (False, closed)))
    return NamedValue(name, Interval(bound, None, (closed, False)))


def difference(relation: Relation) -> Formula | None:
    """Left side minus right side."""
    left, right = relation.left.formula, relation.right.formula
    if left is None or right is None:
        return None
    return algebra.add(left, algebra.negate(right))


def as_relation(named: NamedValue) -> Relation | None:
    """x = 3 as an equation; None where the name is no plain letter or word."""
    if not isinstance(named.value, Scalar) or not named.name.replace("_", "").replace("'", "").isalnum():
        return None
    name = ExpressionNode("name", (), named.name)
    return Relation("=", Scalar(name, algebra.atom(f"s:{named.name}")), named.value)
