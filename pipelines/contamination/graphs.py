"""The solution graph of a problem: which operations lead to the answer, numbers left out. None if it is not known.

Templates record it when they make a problem. Problems of GSM8K's kind have calculator annotations in their solutions, such
as `<<16-3-4=9>>` (Cobbe et al. 2021): each is an expression, and an operand that an earlier one gave is that one's result.
Where any annotation cannot be read the graph is not known; nothing is guessed from prose.
"""

import ast
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rollmill.pipelines.synthesize.template import LEAF, Shape, canonical_shape

_ANNOTATION = re.compile(r"<<([^<>]*)>>")
_OPERATIONS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_LONGEST = 200  # characters of an annotation
_CALCULATION = re.compile(r"[\d\s.+*/()-]+")
_RESULT = re.compile(r"[-+\d\s./]+")  # no exponent, which a Fraction would write out
_FEWEST = 4  # numbers of an imported graph that tells problems apart: the product of three is the graph of one in twenty
_ROUNDING = Fraction(1, 20)  # of what people write down as a result


def graph_of(meta: Mapping[str, Any]) -> str | None:
    """The canonical graph, recorded by a template or read off an annotated solution in a problem's `meta`.

    An annotated solution of fewer than four numbers gives none: very many problems would share it.
    """
    if graph := meta.get("graph"):
        return str(graph)
    annotated = [value for value in meta.values() if isinstance(value, str) and "<<" in value]
    graphs = (graph_of_solution(solution) for solution in annotated)
    return next((graph for graph in graphs if graph is not None and is_telling(graph)), None)


def is_telling(graph: str) -> bool:
    """True if a graph has enough numbers to distinguish problems; a part written as a hash has many."""
    return "#" in graph or graph.count(LEAF) >= _FEWEST


def graph_of_solution(solution: str) -> str | None:
    """The canonical graph of a solution with calculator annotations; None if one of them is not a true equation."""
    results: list[tuple[Fraction, Shape]] = []
    for annotation in _ANNOTATION.findall(solution):
        expression, _, stated = annotation.replace(",", "").partition("=")
        if len(annotation) > _LONGEST or not (_CALCULATION.fullmatch(expression) and _RESULT.fullmatch(stated)):
            return None
        try:
            value, shape = _evaluated(ast.parse(expression.strip(), mode="eval").body, results)
            result = Fraction(stated.strip())
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
            return None
        if abs(value - result) > _ROUNDING * abs(result):
            return None
        results.append((result, shape))
    return canonical_shape(results[-1][1]) if results else None


def _evaluated(node: ast.expr, results: list[tuple[Fraction, Shape]]) -> tuple[Fraction, Shape]:
    """The value and the shape of an expression of + - * / over numbers; ValueError for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        # Through its text: Fraction(0.1) would be the nearest binary fraction.
        value = Fraction(str(node.value))
        for index in range(len(results) - 1, -1, -1):
            if results[index][0] == value:
                return value, results.pop(index)[1]
        return value, LEAF
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value, shape = _evaluated(node.operand, results)
        return -value, shape
    if not isinstance(node, ast.BinOp) or type(node.op) not in _OPERATIONS:
        raise ValueError("no expression of a calculator")
    left, left_shape = _evaluated(node.left, results)
    right, right_shape = _evaluated(node.right, results)
    sign = _OPERATIONS[type(node.op)]
    value = {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right
    return value, (sign, left_shape, right_shape)
