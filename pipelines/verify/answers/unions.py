"""Unions of intervals that several conditions on one name make: x < 1 or x = 3, x < 5 and x ≠ 3."""

from fractions import Fraction

from pipelines.verify.answers.answer_values import Collection, Interval, Kind, NamedValue, Scalar, Union, Value
from pipelines.verify.answers.expressions.algebra import UnsupportedForm


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
