"""Preparation of the dataset's tests for the process that runs them. Analyses syntax only; nothing runs.

Every assertion becomes a result of its own: those at the top level and in the body of `check` are wrapped; those within a
nested function, class or `try` are left alone, where catching them would change what the tests mean.

The calls that tests will certainly make first are found: a sequence of assertions such as `assert f([1, 2]) == 3` makes
known calls, and sent together they cost one change of process, not one each. Only plain forms with literal arguments are
read; the first statement of any other form ends the sequence.

Tests are harmless if their code cannot change anything beyond their own names; in doubt they are not. The process of the
tests is reused only after harmless tests: they store no attribute, use no dunder name, and import only computing modules of
the standard library.
"""

import _ast
import sys
from opcode import opmap
from types import CodeType
from typing import Any, NamedTuple

_AROUND = frozenset(("abs", "round", "sorted", "list", "set", "tuple", "len", "sum"))


class KnownCall(NamedTuple):
    """A call: the function's name as the tests write it, and its arguments."""

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
                # TypeError: a literal that fails when it is made, such as a set that holds a list.
                break
        elif not _silent(statement):
            break
    return tuple(calls)


def _silent(statement: _ast.stmt) -> bool:
    """True if a statement calls nothing: imports, definitions, docstrings, constants."""
    if isinstance(statement, _ast.Expr | _ast.Assign):
        return isinstance(statement.value, _ast.Constant | _ast.Dict)
    return isinstance(statement, _ast.Import | _ast.ImportFrom | _ast.FunctionDef | _ast.Pass)


def _call(test: _ast.expr) -> KnownCall:
    """Single call in f(...) == literal, not f(...), abs(f(...) - literal) < literal, f(...)."""
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
    # `**more` has no name, and its items are not known.
    if not all(keyword.arg for keyword in test.keywords):
        raise NotLiteral
    return KnownCall(test.func.id, args, {str(keyword.arg): _literal(keyword.value) for keyword in test.keywords})


def _no_call(node: _ast.expr) -> None:
    """An expected value: literals and arithmetic on them."""
    if isinstance(node, _ast.BinOp):
        _no_call(node.left)
        _no_call(node.right)
    elif not isinstance(node, _ast.Constant | _ast.Name):
        # A name runs nothing, whatever its value; anything else must be a literal.
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
        case _ast.Dict() if all(node.keys):  # a key of None is `**other`
            keys = [_literal(key) for key in node.keys if key]
            return dict(zip(keys, map(_literal, node.values), strict=True))
    raise NotLiteral


# Setting an attribute may change a module or class that outlives the tests.
_STORES = frozenset(opmap[name] for name in ("STORE_ATTR", "DELETE_ATTR"))
_PURE = """
math cmath random copy re itertools collections functools string typing decimal fractions datetime heapq bisect operator
json statistics numbers abc enum textwrap time
"""
# These reach what outlives the tests: other namespaces, random's state, decimal's context, caches, input.
_REACHING = """
setattr delattr getattr exec eval compile globals locals vars open input breakpoint seed setstate register object type
setcontext getcontext cache_clear setrecursionlimit
"""
_USUAL = frozenset(("__name__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"))
_IMPURE = frozenset(sys.stdlib_module_names).difference(_PURE.split()).union(_REACHING.split())


def harmless(code: CodeType, names: set[str]) -> bool:
    """True if this code leaves its process unchanged. `names` are all names in it."""
    if names & _IMPURE:
        return False
    if any(name.startswith("__") for name in names - _USUAL):
        return False
    return not _stores(code)


def _stores(code: CodeType) -> bool:
    # An instruction is two bytes, of which the first is its opcode.
    if not _STORES.isdisjoint(code.co_code[::2]):
        return True
    return any(_stores(constant) for constant in code.co_consts if type(constant) is CodeType)


PASSED, FAILED, ERROR = "__rollmill_passed__", "__rollmill_failed__", "__rollmill_error__"
_CHECK = "check"
_TREE = 0x400  # PyCF_ONLY_AST; the module `ast` is more than is needed of it


class InstrumentedTests(NamedTuple):
    """Compiled tests: the line of each assertion, every name used, and whether they leave their process unchanged
    (`harmless`).

    `ahead`: the calls they make first, known without running them. `check`: "" if the tests define no function `check`,
    "called" if they call it themselves (with the function `called_with`), else "uncalled". `candidate`: its parameter name
    for the function under test.
    """

    code: CodeType
    lines: tuple[int, ...]
    names: set[str]
    harmless: bool
    ahead: tuple[KnownCall, ...]
    check: str
    candidate: str
    called_with: str


def prepare(source: str) -> InstrumentedTests:
    """The instrumented tests. SyntaxError, ValueError, RecursionError or MemoryError on broken ones."""
    tree = compile(source, "<tests>", "exec", _TREE, dont_inherit=True)
    lines: list[int] = []
    check = next((item for item in tree.body if isinstance(item, _ast.FunctionDef) and item.name == _CHECK), None)
    ahead = known_calls(check.body if check else tree.body)
    called_with = _called_with(tree.body) if check else None
    state = "" if check is None else "uncalled" if called_with is None else "called"
    candidate = check.args.args[0].arg if check and check.args.args else ""
    tree.body = _wrapped(tree.body, lines, top=True)
    code: CodeType = compile(tree, "<tests>", "exec", dont_inherit=True)
    # The names that the wrapping put in are not the tests' own.
    used = names(code) - {PASSED, FAILED, ERROR}
    return InstrumentedTests(code, tuple(lines), used, harmless(code, used), ahead, state, candidate, called_with or "")


def _called_with(body: list[_ast.stmt]) -> str | None:
    """The name that the tests hand to `check` themselves; empty for anything but a name, None if they never call it."""
    for statement in body:
        match statement:
            case _ast.Expr(value=_ast.Call(func=_ast.Name(id="check"), args=args)):
                return args[0].id if args and isinstance(args[0], _ast.Name) else ""
    return None


def names(code: CodeType) -> set[str]:
    """Every name that the code reads as a global (and names of attributes, which do no harm)."""
    global_names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            global_names |= names(constant)
    return global_names


def _wrapped(body: list[_ast.stmt], lines: list[int], *, top: bool) -> list[_ast.stmt]:
    return [_wrap(statement, lines, top=top) for statement in body]


def _wrap(statement: _ast.stmt, lines: list[int], *, top: bool) -> _ast.stmt:
    if isinstance(statement, _ast.Assert):
        lines.append(statement.lineno)
        return _guarded(statement, len(lines) - 1)
    if isinstance(statement, _ast.FunctionDef):
        if top and statement.name == _CHECK:
            statement.body = _wrapped(statement.body, lines, top=False)
    elif isinstance(statement, _ast.For | _ast.While | _ast.If | _ast.With):
        statement.body = _wrapped(statement.body, lines, top=False)
        if not isinstance(statement, _ast.With):
            statement.orelse = _wrapped(statement.orelse, lines, top=False)
    return statement


def _guarded(statement: _ast.Assert, index: int) -> _ast.stmt:
    """try: assert ...; passed(index)  except BaseException as error: failed(index, error)."""
    # The compiler needs a position on every node; with the assertion's line tracebacks stay right.
    at: Any = {"lineno": statement.lineno, "col_offset": 0, "end_lineno": statement.lineno, "end_col_offset": 0}

    def name(text: str) -> _ast.expr:
        return _ast.Name(text, _ast.Load(), **at)

    def call(function: str, *more: _ast.expr) -> _ast.stmt:
        return _ast.Expr(_ast.Call(name(function), [_ast.Constant(index, **at), *more], [], **at), **at)

    # BaseException: the tested function may call exit(), which would end the tests behind it.
    handler = _ast.ExceptHandler(name("BaseException"), ERROR, [call(FAILED, name(ERROR))], **at)
    return _ast.Try([statement, call(PASSED)], [handler], [], [], **at)
