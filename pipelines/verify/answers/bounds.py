"""Bounds of a tree's value in floating point, rounded outward: a decision from them is certain, otherwise the question
stays open.

Microseconds, bounded, in the calling process. Values whose bounds are apart are different; bounds are never a reason to
call two values equal, except within a stated distance (`near`) that is wider than both. Functions of the C library are
trusted to four units of their last place. Reals only: what may be complex, or is undefined at a point, says nothing.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from rollmill.pipelines.verify.answers.expressions.formulas import symbol_name
from rollmill.pipelines.verify.answers.expressions.grammar import PRODUCTS, SUMS, ExpressionNode

Bounds = tuple[float, float]
_POINTS = ((1.375, 0.828125), (2.59375, 1.140625), (0.4140625, 0.171875))  # exact in binary: symbols have no error
_MAX_NODES = 400
_ULPS = 4  # of the C library's functions
_UNARY = frozenset(["group", "neg", "abs", "%", "°", "!", "floor", "ceil"])


class Unbounded(Exception):  # noqa: N818 - not an error: these bounds say nothing
    """No finite real bounds are known for a part."""


def compare(left: ExpressionNode, right: ExpressionNode, near: Fraction = Fraction(0)) -> bool | None:
    """False: certainly different (further apart than `near`); True: certainly within `near`; None: undecided."""
    names = _symbols(left) | _symbols(right)
    if "i" in names or len(names) > 12:
        return None
    free = sorted(names - {"pi", "e"})
    for base, step in _POINTS if free else _POINTS[:1]:
        point = {name: base + step * place for place, name in enumerate(free)}
        try:
            result = _apart(bounds(left, point), bounds(right, point), float(near))
        except (Unbounded, OverflowError, ZeroDivisionError, ValueError, RecursionError):
            # Undefined or unbounded at this point; the next one may decide.
            continue
        # With symbols, one point can prove a difference but never an equality.
        if result is not None and (result is False or not free):
            return result
    return None


def _apart(a: Bounds, b: Bounds, near: float) -> bool | None:
    least, most = max(a[0] - b[1], b[0] - a[1]), max(a[1] - b[0], b[1] - a[0])
    # The differences above are rounded themselves.
    margin = 4 * math.ulp(max(abs(v) for v in (*a, *b)))
    if least - margin > near:
        return False
    return True if near > 0 and most + margin < near else None


def bounds(node: ExpressionNode, point: Mapping[str, float]) -> Bounds:
    """Bounds of the value of a tree at a point; raises `Unbounded` if none are known."""
    if node.op == "number":
        assert node.value is not None
        # Python rounds a quotient of integers once, however long they are.
        value = node.value.numerator / node.value.denominator
        return _wide(value, value, 1)
    name = symbol_name(node)
    if name is not None:
        value = {"pi": math.pi, "e": math.e}.get(name, point.get(name, math.nan))
        return _wide(value, value, 1) if name in ("pi", "e") else (value, value)
    if node.op in SUMS or node.op in PRODUCTS:
        total: Bounds = node.folded(lambda operand: bounds(operand, point), _COMBINE)
        return total
    args = [bounds(arg, point) for arg in node.args]
    if node.op in _UNARY:
        return _unary(node.op, args[0])
    if node.op == "^":
        return _power(args[0], args[1])
    if node.op == "root":
        return _root(args[0], args[1])
    if node.op == "call":
        return _call(node.text, args)
    raise Unbounded


def _symbols(node: ExpressionNode) -> frozenset[str]:
    names = set()
    for count, part in enumerate(node.walk(below=frozenset(["_", "prime"]))):
        # Told like a complex number, of which `compare` says nothing.
        if count > _MAX_NODES or part.op == "word":
            return frozenset("i")
        name = symbol_name(part)
        if name is not None:
            names.add(name)
    return frozenset(names)


def _wide(low: float, high: float, ulps: int = _ULPS) -> Bounds:
    """The bounds moved outward; NaN and infinities are not bounds."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise Unbounded
    for _ in range(ulps):
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return low, high


def _times(a: Bounds, b: Bounds) -> Bounds:
    # The extremes lie at ends; at which ones depends on the signs.
    ends = [x * y for x in a for y in b]
    return _wide(min(ends), max(ends), 1)


def _over(a: Bounds, b: Bounds) -> Bounds:
    if b[0] <= 0 <= b[1]:
        raise Unbounded
    ends = [x / y for x in a for y in b]
    return _wide(min(ends), max(ends), 1)


_COMBINE: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "+": lambda a, b: _wide(a[0] + b[0], a[1] + b[1], 1),
    "-": lambda a, b: _wide(a[0] - b[1], a[1] - b[0], 1),
    "*": _times,
    "/": _over,
}


def _unary(op: str, a: Bounds) -> Bounds:
    if op == "group":
        return a
    if op == "neg":
        return -a[1], -a[0]
    if op == "abs":
        return a if a[0] >= 0 else (-a[1], -a[0]) if a[1] <= 0 else (0.0, max(-a[0], a[1]))
    if op == "%":
        return _over(a, (100.0, 100.0))
    if op == "°":
        return _times(a, _wide(math.pi / 180, math.pi / 180))
    if op == "!":
        # From 0.47 on gamma(x + 1) rises, and beyond 170 it exceeds a double.
        if a[1] - a[0] > 1e-9 or not 0.5 < a[0] < 160:
            raise Unbounded
        return _wide(math.gamma(a[0] + 1), math.gamma(a[1] + 1), 64)
    ends = (math.floor(a[0]), math.floor(a[1])) if op == "floor" else (math.ceil(a[0]), math.ceil(a[1]))
    return float(ends[0]), float(ends[1])


def _power(base: Bounds, exponent: Bounds) -> Bounds:
    whole = round(exponent[0])
    if exponent[0] <= whole <= exponent[1] and exponent[1] - exponent[0] < 1e-9 and abs(whole) <= 64:
        return _whole_power(base, whole)
    if base[0] <= 0:
        raise Unbounded
    ends = [x**y for x in base for y in exponent]
    return _wide(min(ends), max(ends))


def _whole_power(base: Bounds, exponent: int) -> Bounds:
    if exponent < 0:
        return _over((1.0, 1.0), _whole_power(base, -exponent))
    if exponent == 0:
        return 1.0, 1.0
    ends = [x**exponent for x in base]
    # An even power over bounds around 0 is least at 0, not at an end.
    low = 0.0 if exponent % 2 == 0 and base[0] < 0 < base[1] else min(ends)
    return _wide(low, max(ends))


def _root(degree: Bounds, a: Bounds) -> Bounds:
    whole = round(degree[0])
    if not degree[0] <= whole <= degree[1] or not 2 <= whole <= 64:
        raise Unbounded
    if a[1] < 0 and whole % 2:
        low, high = _root(degree, (-a[1], -a[0]))
        return -high, -low
    if a[0] < 0:
        raise Unbounded
    if whole == 2:
        return _wide(math.sqrt(a[0]), math.sqrt(a[1]))
    rounded = 1e-15 * (2 + abs(math.log(a[1] or 1.0)) + abs(math.log(a[0] or 1.0)))  # 1/degree is rounded too
    return _wide(a[0] ** (1 / whole) * (1 - rounded), a[1] ** (1 / whole) * (1 + rounded))


_MONOTONE: Mapping[str, Callable[[float], float]] = {
    "exp": math.exp, "ln": math.log, "log": math.log10, "arcsin": math.asin, "arctan": math.atan,
    "sinh": math.sinh, "tanh": math.tanh,
}  # fmt: skip
_RECIPROCAL = {"sec": "cos", "csc": "sin"}


def _call(name: str, args: list[Bounds]) -> Bounds:
    a = args[-1]
    if name == "log_" and len(args) == 2:
        return _over(_call("ln", [a]), _call("ln", [args[0]]))
    if len(args) != 1:
        raise Unbounded
    if name in _MONOTONE:
        return _wide(_MONOTONE[name](a[0]), _MONOTONE[name](a[1]))
    if name == "arccos":
        # Falling, so the ends change places.
        return _wide(math.acos(a[1]), math.acos(a[0]))
    if name in ("sin", "cos"):
        return _wave(math.sin if name == "sin" else math.cos, a)
    if name in _RECIPROCAL:
        return _over((1.0, 1.0), _call(_RECIPROCAL[name], [a]))
    if name in ("tan", "cot"):
        # As a quotient, because a pole within the bounds then shows as a divisor that may be 0.
        parts = _call("sin", [a]), _call("cos", [a])
        return _over(*(parts if name == "tan" else (parts[1], parts[0])))
    if name in ("floor", "ceil"):
        return _unary(name, a)
    raise Unbounded


def _wave(function: Callable[[float], float], a: Bounds) -> Bounds:
    """Sine or cosine: at the middle, plus half the width, for neither is steeper than 1."""
    middle = (a[0] + a[1]) / 2
    half = (a[1] - a[0]) / 2 + math.ulp(middle)
    value = function(middle)
    return _wide(max(-1.0, value - half), min(1.0, value + half))
