"""Evaluates two trees to hundreds of digits and says whether they agree. Runs in a worker process: it may take long.

It refutes with certainty and confirms with overwhelming evidence: agreement to 300 digits, relative to the values (never
absolute: 1/2004! and 1/2006! are both tiny) and beyond the digits before the point, at several real points when there are
symbols. A point where both sides are undefined over the reals says nothing; where only one is, the answer stays open.
"""

import operator
import random
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath

from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.formulas import formula, symbol_name
from rollmill.pipelines.verify.answers.expressions.grammar import PRODUCTS, SUMS, ExpressionNode
from rollmill.pipelines.verify.answers.expressions.quantity import NO_SLACK

_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_DIGITS = (220, 440)  # two precisions: what shrinks from the first to the second is noise around zero
_AGREE, _DIFFER = 300, 90  # digits: equal beyond the first, different before the second, between them nobody can tell
_MAX_SIZE = 4_000  # digits before the point that are still worth computing
_POINTS = 12  # half of them positive, for roots and logarithms
_SMALL_POINTS = 4  # between 0 and 1, for arcsines
_MIN_POINTS = 4  # a formula may be undefined at the others
_MAX_MAGNITUDE = 10**7


class Undefined(Exception):  # noqa: N818 - not an error of ours: a point outside the domain
    """The tree has no value at this point."""


class TooLarge(Exception):  # noqa: N818 - not an error of ours
    """The value has more than ten million digits before its point."""


def agree(reference: ExpressionNode, answer: ExpressionNode, near: Fraction = NO_SLACK) -> bool | None:
    """True if two scalar trees have the same value, or differ by at most `near`; None if numbers cannot decide."""
    names = sorted(_names(reference) | _names(answer))
    complex_allowed = "i" in names
    symbols = [name for name in names if name not in ("pi", "e", "i")]
    results: list[Any] = []
    for point in _points(symbols):
        results.append(_agree_at((reference, answer), point, near, complex_allowed=complex_allowed))
        if results[-1] is False:
            return False
    agreed, mismatched = results.count(True), "domain" in results
    if not symbols:
        return True if agreed else None
    return True if agreed >= _MIN_POINTS and not mismatched else None


def _points(symbols: list[str]) -> list[dict[str, tuple[int, int]]]:
    """Fixed rational points, positive ones first, as numerator and denominator."""
    if not symbols:
        return [{}]
    # A fixed seed of our own: the verdict must be the same in every process.
    rng = random.Random(20_011)
    points = []
    for index in range(_POINTS):
        signs = (1,) if index < _POINTS // 2 else (-1, 1)
        points.append(
            {name: (rng.choice(signs) * rng.randint(1_000, 30_000), rng.randint(7_000, 9_999)) for name in symbols}
        )
    points += [
        {name: (rng.randint(500, 6_500), rng.randint(7_000, 9_999)) for name in symbols} for _ in range(_SMALL_POINTS)
    ]
    return points


def _agree_at(
    sides: tuple[ExpressionNode, ExpressionNode],
    point: dict[str, tuple[int, int]],
    near: Fraction,
    *,
    complex_allowed: bool,
) -> Any:
    """True, False, None (undefined or unclear), or "domain" if only one side is undefined."""
    more = 0
    while True:
        values = [_values(node, point, more, complex_allowed=complex_allowed) for node in sides]
        if "large" in values:
            return None if values[0] == values[1] else False
        if "undefined" in values:
            return None if values[0] == values[1] else "domain"
        size = max(_size(value[1]) for value in values)
        if size <= more or size <= 1:
            return _compare(values[0], values[1], near)
        if size > _MAX_SIZE:
            return False if _compare(values[0], values[1], near) is False else None
        more = size  # 10^300 and 10^300 + 1 agree to 300 digits: count them from the point on


def _size(value: Any) -> int:
    """Number of digits before a value's point."""
    return int(mpmath.ceil(mpmath.log10(abs(value)))) if abs(value) > 1 else 0


def _values(node: ExpressionNode, point: dict[str, tuple[int, int]], more: int, *, complex_allowed: bool) -> Any:
    """The value at both precisions, or "undefined" or "large"."""
    values = []
    for digits in _DIGITS:
        with mpmath.workdps(digits + more):
            try:
                # At each precision anew: a point has no more digits than it was computed with.
                env = {name: mpmath.mpf(top) / bottom for name, (top, bottom) in point.items()}
                value = mpmath.mpmathify(_evaluate(node, env))
            except TooLarge:
                return "large"
            except (Undefined, ZeroDivisionError, ValueError, OverflowError, TypeError):
                return "undefined"
            if not mpmath.isfinite(value):
                return "undefined"
            # Rounding leaves small imaginary parts behind in values that are real.
            real = abs(mpmath.im(value)) <= abs(mpmath.re(value)) * mpmath.mpf(10) ** -60
            if not complex_allowed and not real:
                return "undefined"
            values.append(value if complex_allowed else mpmath.re(value))
    return values


def _compare(left: list[Any], right: list[Any], near: Fraction) -> bool | None:
    more = max(_size(left[1]), _size(right[1]))
    with mpmath.workdps(_DIGITS[1] + more):
        zeros = [_is_zero(values) for values in (left, right)]
        if any(zeros):
            return all(zeros)
        relative = abs(left[1] - right[1]) / max(abs(left[1]), abs(right[1]))
        if relative <= mpmath.mpf(10) ** -(_AGREE + more):
            return True
        if near and abs(left[1] - right[1]) <= mpmath.mpf(near.numerator) / near.denominator:
            return True
        return False if relative >= mpmath.mpf(10) ** -(_DIFFER + more) else None


def _is_zero(values: list[Any]) -> bool:
    """A value that shrinks with the working precision is rounding noise around zero."""
    low, high = abs(values[0]), abs(values[1])
    return bool(high == 0 or (low > 0 and high < low * 10**-60))


def _names(node: ExpressionNode) -> frozenset[str]:
    names = (symbol_name(part) for part in node.walk(below=frozenset(["_", "prime"])) if part.op != "word")
    return frozenset(name for name in names if name is not None)


def _evaluate(node: ExpressionNode, env: Mapping[str, Any]) -> Any:
    """The value of a tree by mpmath; raises `Undefined` for operations that have none."""
    if node.op == "number":
        assert node.value is not None
        return mpmath.mpf(node.value.numerator) / node.value.denominator
    name = symbol_name(node)
    if name is not None:
        return (
            # The plus turns mpmath's constants into numbers of the present precision.
            {"pi": +mpmath.pi, "e": +mpmath.e, "i": mpmath.mpc(0, 1)}.get(name) if name in ("pi", "e", "i") else env[name]
        )
    if node.op in SUMS or node.op in PRODUCTS:
        return node.folded(lambda operand: _evaluate(operand, env), _ARITHMETIC)
    args = [_evaluate(arg, env) for arg in node.args]
    if node.op == "^" and mpmath.im(args[0]) == 0 and mpmath.re(args[0]) < 0:
        exponent = _odd_root(node.args[1])
        if exponent is not None:
            power = _power(-args[0], args[1])
            return -power if exponent.numerator % 2 else power
    if node.op in ("call", "apply"):
        return _function(node.text, args)
    return _operation(node.op, args)


def _operation(op: str, args: list[Any]) -> Any:
    a, b = args[0], args[-1]
    if op == "^":
        return _power(a, b)
    if op == "root":
        return _root(a, b)
    table = {
        "group": lambda: a,
        "neg": lambda: -a,
        "!": lambda: mpmath.factorial(_bounded(a)),
        "binom": lambda: mpmath.binomial(_bounded(a), _bounded(b)),
        "abs": lambda: abs(a),
        "floor": lambda: mpmath.floor(a),
        "ceil": lambda: mpmath.ceil(a),
        "%": lambda: a / 100,
        "°": lambda: a * mpmath.pi / 180,
    }
    if op not in table:
        raise Undefined(op)
    return table[op]()


def _odd_root(exponent: ExpressionNode) -> Fraction | None:
    """An exponent such as 2/3, which of a negative number is a real number: the square of its cube root."""
    try:
        value = formula(exponent).rational()
    except UnsupportedForm:
        return None
    return value if value is not None and value.denominator > 1 and value.denominator % 2 else None


def _bounded(value: Any) -> Any:
    if abs(value) > _MAX_MAGNITUDE:
        raise TooLarge
    return value


def _power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if mpmath.re(exponent) <= 0:
            raise Undefined("power of zero")
        return base
    if abs(exponent) * (1 + abs(mpmath.log(abs(base), 10))) > _MAX_MAGNITUDE:
        raise TooLarge
    return mpmath.power(base, exponent)


def _root(degree: Any, value: Any) -> Any:
    if mpmath.im(value) == 0 and mpmath.re(value) < 0 and int(degree) % 2:
        return -mpmath.root(-value, int(degree))
    return mpmath.root(value, int(degree))


_NAMES = {"ln": "ln", "arcsin": "asin", "arccos": "acos", "arctan": "atan"} | {
    name: name for name in ("sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "floor", "ceil")
}
"""The functions of mpmath of one bounded argument, by our names."""


def _function(name: str, args: list[Any]) -> Any:
    if name == "log_":
        return mpmath.log(args[1]) / mpmath.log(args[0])
    if name == "log":
        return mpmath.log10(args[0])
    if name in ("max", "min"):
        return (max if name == "max" else min)(args)
    if name == "exp":
        return _power(+mpmath.e, args[0])
    if name not in _NAMES:
        raise Undefined(name)
    return getattr(mpmath, _NAMES[name])(_bounded(args[0]))
