"""The editor `failing_example`: an example on which a formula of x differs from the known one, for another attempt.

Fu et al. 2024 (The First Prompt Counts the Most!, arXiv:2411.06774) supply such an example after each wrong program. Inputs
are tried in a fixed order, so the example is the first that fails and depends on nothing else.
"""

import ast
import random
import re
from collections.abc import Mapping

from rollmill.pipelines.edit.editing import CannotEdit, Change, EditedText, Editor

INPUTS = tuple(value for size in range(13) for value in sorted({size, -size}, reverse=True))
"""Inputs in the order in which they are tried: 0, 1, -1, 2, -2, ... 12, -12."""
_LONGEST, _DEGREE, _LARGEST = 200, 6, 10**15
_TIMES = re.compile(r"(?<=[\dx)])\s*(?=[x(])")


def failing_example(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The first example on which the formula after `####`, or of the last line, fails; refused if there is none."""
    del rng
    wanted, given = _polynomial(known), _polynomial(text.rpartition("####")[2].strip() or text)
    for value in INPUTS:
        right, made = _at(wanted, value), _at(given, value)
        if right != made:
            told = f"f({value}) = {right}, and your formula gives {made}."
            change = Change.between(text, told, (0, len(text)), (0, len(told)))
            return EditedText(told, f"fails at {value}", (change,), {"input": value})
    raise CannotEdit("no example fails")


def value_at(formula: str, value: int) -> int:
    """The value of a formula of x; CannotEdit for a text that is none."""
    return _at(_polynomial(formula), value)


def _polynomial(text: str) -> ast.expr:
    """A formula of x with + - * and powers; CannotEdit for anything else."""
    line = text.strip().splitlines()[-1] if text.strip() else ""
    formula = line.rpartition("=")[2].strip(" .$`*")
    if not formula or len(formula) > _LONGEST:
        raise CannotEdit("it gives no formula of x")
    try:
        return ast.parse(_TIMES.sub("*", formula.replace("^", "**").replace("·", "*")), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CannotEdit("its formula cannot be read") from None


def _at(node: ast.expr, value: int) -> int:
    match node:
        case ast.Name(id="x"):
            made = value
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            made = number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            made = -_at(operand, value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            made = _at(left, value) + _at(right, value)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            made = _at(left, value) - _at(right, value)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            made = _at(left, value) * _at(right, value)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)) if 0 <= power <= _DEGREE:
            made = _at(left, value) ** power
        case _:
            raise CannotEdit("its formula has more than x, whole numbers, + - * and powers")
    if abs(made) > _LARGEST:
        raise CannotEdit("its formula has too large values")
    return made


EXAMPLES: Mapping[str, Editor] = {"failing_example": Editor("1", failing_example, takes=("known",), needs=("known",))}
