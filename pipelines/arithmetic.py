"""Exact values of arithmetic expressions in texts, for calculations in solutions. Nothing is run as a program."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

_OPERATIONS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
}
_PERCENT = "percent"
_LONGEST = 300  # digits of a whole number; int() refuses more than 4,300


def whole_number(text: str) -> int | None:
    """The value of a text of nothing but digits 0 to 9; None for every other, and for more digits than anybody means."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


def value_of(tokens: Sequence[str | Fraction], *, signed: bool = False) -> Fraction | None:
    """The value of numbers, + - * / // and parentheses, and % after hundredths; None if they are no
    expression, or it divides by zero. `signed`: a minus may stand before a number.
    """
    # Numbers go in as names: as literals, decimals would come back from the parser as floats.
    values = {f"v{place}": token for place, token in enumerate(tokens) if isinstance(token, Fraction)}
    words = [token if isinstance(token, str) else f"v{place}" for place, token in enumerate(tokens)]
    # A power binds tighter than the four operations, as % does behind its number.
    text = " ".join(words).replace("%", f"**{_PERCENT}")
    try:
        return _value(ast.parse(text, mode="eval").body, values, signed)
    # The parser answers deep nesting with MemoryError or RecursionError, however much memory there is.
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, values: Mapping[str, Fraction], signed: bool) -> Fraction:
    match node:
        case ast.Name(name) if name in values:
            return values[name]
        case ast.BinOp(left, ast.Pow(), ast.Name(name)) if name == _PERCENT:
            return _value(left, values, signed) / 100
        case ast.BinOp(left, sign, right) if type(sign) in _OPERATIONS:
            return _OPERATIONS[type(sign)](_value(left, values, signed), _value(right, values, signed))
        case ast.UnaryOp(ast.USub(), operand) if signed:
            return -_value(operand, values, signed)
    raise ValueError("no arithmetic")
