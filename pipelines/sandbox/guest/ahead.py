"""Finds the calls that tests are bound to make first, in order, from their syntax.

A run of assertions such as `assert f([1, 2]) == 3` makes known calls: sent together they cost one change of process, not
one each. Only plain shapes with literal arguments are read; the first statement of any other shape ends the run.
"""

import _ast
from typing import Any, NamedTuple

_AROUND = frozenset(("abs", "round", "sorted", "list", "set", "tuple", "len", "sum"))


class KnownCall(NamedTuple):
    """One call: the function's name as the tests write it, and its arguments."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]


class NotLiteral(Exception):  # noqa: N818 - an answer
    """The expression is more than a literal, or the statement has another shape."""


def known_calls(body: list[_ast.stmt]) -> tuple[KnownCall, ...]:
    """The calls of the leading assertions of a body."""
    calls = []
    for statement in body:
        if isinstance(statement, _ast.Assert):
            try:
                calls.append(_call(statement.test))
            except (NotLiteral, TypeError):
                break
        elif not _silent(statement):
            break
    return tuple(calls)


def _silent(statement: _ast.stmt) -> bool:
    """Whether a statement calls nothing: imports, definitions, docstrings, constants."""
    if isinstance(statement, _ast.Expr | _ast.Assign):
        return isinstance(statement.value, _ast.Constant | _ast.Dict)
    return isinstance(statement, _ast.Import | _ast.ImportFrom | _ast.FunctionDef | _ast.Pass)


def _call(test: _ast.expr) -> KnownCall:
    """The one call in f(...) == literal, not f(...), abs(f(...) - literal) < literal, f(...)."""
    if isinstance(test, _ast.Compare):
        for other in test.comparators:
            _no_call(other)
        test = test.left
    elif isinstance(test, _ast.UnaryOp) and isinstance(test.op, _ast.Not):
        test = test.operand
    if isinstance(test, _ast.Call) and isinstance(test.func, _ast.Name) and test.func.id in _AROUND and test.args:
        test, *others = test.args
        for other in others:
            _no_call(other)
        if isinstance(test, _ast.BinOp):
            _no_call(test.right)
            test = test.left
    if not isinstance(test, _ast.Call) or not isinstance(test.func, _ast.Name):
        raise NotLiteral
    args = [_literal(argument) for argument in test.args]
    if not all(keyword.arg for keyword in test.keywords):
        raise NotLiteral
    return KnownCall(test.func.id, args, {str(keyword.arg): _literal(keyword.value) for keyword in test.keywords})


def _no_call(node: _ast.expr) -> None:
    """An expected value: literals and arithmetic on them."""
    if isinstance(node, _ast.BinOp):
        _no_call(node.left)
        _no_call(node.right)
    elif not isinstance(node, _ast.Constant | _ast.Name):
        _literal(node)


def _literal(node: _ast.expr) -> Any:
    """The value of a literal expression."""
    match node:
        case _ast.Constant():
            return node.value
        case _ast.List():
            return [_literal(item) for item in node.elts]
        case _ast.Tuple():
            return tuple([_literal(item) for item in node.elts])
        case _ast.Set():
            return {_literal(item) for item in node.elts}
        case _ast.UnaryOp(op=_ast.USub()):
            return -_literal(node.operand)
        case _ast.Dict() if all(node.keys):
            keys = [_literal(key) for key in node.keys if key]
            return dict(zip(keys, map(_literal, node.values), strict=True))
    raise NotLiteral
