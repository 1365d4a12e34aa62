"""Exact equality of real numbers made of integers, + - * / and roots, nested as they may be.

The difference of the two sides is computed with enough digits and compared with a separation bound: a number that such an
expression stands for is zero, or at least 1 / (l * u^(D - 1)) in size, where D is the product of the degrees of its roots
and u and l follow the expression (Burnikel, Funke, Mehlhorn, Schirra, Schmitt, "A separation bound for real algebraic
expressions", ESA 2001, theorem 1). No evidence, a proof; where it would need too many digits, nothing is said.
"""

import math
from decimal import Context, Decimal, DecimalException

from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode

MAX_DEGREE = 256  # the digits that a proof needs grow with the product of the roots' degrees
MAX_DIGITS = 4_000
_MAX_NODES = 200
_MAX_ROOT = 64
_MAX_EXPONENT = 4_000
_GUARD = 40  # digits beyond those needed, for the errors of the operations


class NotCovered(Exception):  # noqa: N818 - not an error: another method may know
    """The expression has a part that this method does not cover, or would need too many digits."""


def equal(left: ExpressionNode, right: ExpressionNode) -> bool | None:
    """True if two trees are the same real number; None if this method does not apply."""
    try:
        return _is_zero(ExpressionNode("-", (left, right)))
    except (NotCovered, DecimalException, RecursionError, OverflowError):
        return None


def _is_zero(node: ExpressionNode) -> bool:
    if sum(1 for _ in node.walk()) > _MAX_NODES:
        raise NotCovered
    roots: dict[ExpressionNode, int] = {}
    upper, lower = _heights(node, roots)
    degree = math.prod(roots.values())
    if degree > MAX_DEGREE:
        raise NotCovered
    needed = math.ceil(upper * (degree - 1) + lower) + 1
    if needed > MAX_DIGITS:
        raise NotCovered
    digits = needed + math.ceil(upper + lower) + _GUARD
    value, error = _value(node, Context(prec=digits, Emax=10**6, Emin=-(10**6)))
    if value.copy_abs() > error:
        return False
    # By the separation bound, a number this small can only be zero.
    if value.copy_abs() + error < Decimal(10) ** -needed:
        return True
    raise NotCovered


def _heights(node: ExpressionNode, roots: dict[ExpressionNode, int]) -> tuple[float, float]:
    """(log10 u, log10 l) of the theorem, rounded up a little; collects the distinct roots with their degrees."""
    if node.op == "number":
        assert node.value is not None
        return _log(abs(node.value.numerator)), _log(node.value.denominator)
    if node.op in ("group", "neg"):
        return _heights(node.args[0], roots)
    if node.op in ("+", "-", "*", "/") and len(node.args) == 2:
        (up, low), (up2, low2) = (_heights(arg, roots) for arg in node.args)
        if node.op == "*":
            return up + up2, low + low2
        return (up + low2, low + up2) if node.op == "/" else (max(up + low2, low + up2) + 0.302, low + low2)
    if node.op == "^":
        power = _whole(node.args[1], _MAX_EXPONENT)
        up, low = _heights(node.args[0], roots)
        return (up * power, low * power) if power >= 0 else (low * -power, up * -power)
    if node.op == "root":
        degree = _whole(node.args[0], _MAX_ROOT)
        if degree < 2:
            raise NotCovered
        roots[node] = degree
        up, low = _heights(node.args[1], roots)
        wide = (up * (degree - 1) + low) / degree
        return ((up + low * (degree - 1)) / degree, low) if up >= low else (up, wide)
    raise NotCovered


def _value(node: ExpressionNode, context: Context) -> tuple[Decimal, Decimal]:
    """(value, bound of its error) at the context's precision; division by a value that may be zero is not supported."""
    if node.op == "number":
        assert node.value is not None
        value = context.divide(Decimal(node.value.numerator), Decimal(node.value.denominator))
        return value, _ulp(value, context)
    if node.op == "group":
        return _value(node.args[0], context)
    if node.op == "neg":
        value, error = _value(node.args[0], context)
        return value.copy_negate(), error
    if node.op == "^":
        return _power(_value(node.args[0], context), _whole(node.args[1], _MAX_EXPONENT), context)
    if node.op == "root":
        return _root(_value(node.args[1], context), _whole(node.args[0], _MAX_ROOT), context)
    return _combined(node.op, _value(node.args[0], context), _value(node.args[1], context), context)


def _combined(op: str, a: tuple[Decimal, Decimal], b: tuple[Decimal, Decimal], context: Context) -> tuple[Decimal, Decimal]:
    (x, dx), (y, dy) = a, b
    if op in ("+", "-"):
        value, error = (context.add(x, y) if op == "+" else context.subtract(x, y)), dx + dy
    elif op == "*":
        value, error = context.multiply(x, y), x.copy_abs() * dy + y.copy_abs() * dx + dx * dy
    else:
        least = y.copy_abs() - dy
        if least <= 0:
            raise NotCovered
        value = context.divide(x, y)
        error = (dx + value.copy_abs() * dy) / least
    # Doubled, since the bound is itself computed with rounding.
    return value, error * 2 + _ulp(value, context)


def _power(a: tuple[Decimal, Decimal], power: int, context: Context) -> tuple[Decimal, Decimal]:
    unit = (Decimal(1), Decimal(0))
    result = unit
    for bit in bin(abs(power))[2:]:
        result = _combined("*", result, result, context)
        if bit == "1":
            result = _combined("*", result, a, context)
    return result if power >= 0 else _combined("/", unit, result, context)


def _root(a: tuple[Decimal, Decimal], degree: int, context: Context) -> tuple[Decimal, Decimal]:
    """A real root: of a negative number only where the degree is odd; of what may be zero not at all."""
    value, error = a
    if value < 0 and degree % 2:
        root, error = _root((value.copy_negate(), error), degree, context)
        return root.copy_negate(), error
    if value - error <= 0:
        raise NotCovered
    root = context.sqrt(value) if degree == 2 else context.power(value, context.divide(Decimal(1), Decimal(degree)))
    rounding = _ulp(root, context) * (10 + 10 * abs(value.adjusted()))  # 1/degree is rounded too
    return root, 2 * root * error / (value - error) + rounding


def _whole(node: ExpressionNode, most: int) -> int:
    """A small integer exponent or degree."""
    sign = 1
    while node.op in ("group", "neg"):
        sign, node = (-sign if node.op == "neg" else sign), node.args[0]
    if node.op != "number" or node.value is None or node.value.denominator != 1 or node.value > most:
        raise NotCovered
    return sign * int(node.value)


def _log(value: int) -> float:
    """log10, rounded up; of zero as of one."""
    return math.log10(value) * (1 + 1e-12) + 1e-12 if value > 1 else 0.0


def _ulp(value: Decimal, context: Context) -> Decimal:
    return Decimal(10) ** (value.adjusted() - context.prec + 2)
