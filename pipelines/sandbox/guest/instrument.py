"""Rewrites the dataset's tests so that every assertion is a result of its own. Syntax only, nothing runs.

Assertions at the top level and in the body of `check` are wrapped; those within a nested function, class or `try` are
left alone, where catching them would change what the tests mean.
"""

import _ast
from types import CodeType
from typing import Any, NamedTuple

from pipelines.sandbox.guest.ahead import KnownCall, known_calls
from pipelines.sandbox.guest.harmless import harmless

PASSED, FAILED, ERROR = "__rollmill_passed__", "__rollmill_failed__", "__rollmill_error__"
_CHECK = "check"
_TREE = 0x400  # PyCF_ONLY_AST; the module `ast` is more than is needed of it


class InstrumentedTests(NamedTuple):
    """Instrumented tests: the line of each assertion, every name in them, whether they leave their process as it was.

    `ahead` are the calls they make first. `check`: "" without such a function, "called" when they call it themselves (with
    the function `called_with`), else "uncalled"; `candidate` is the name it gives to the function under test.
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
    at: Any = {"lineno": statement.lineno, "col_offset": 0, "end_lineno": statement.lineno, "end_col_offset": 0}

    def name(text: str) -> _ast.expr:
        return _ast.Name(text, _ast.Load(), **at)

    def call(function: str, *more: _ast.expr) -> _ast.stmt:
        return _ast.Expr(_ast.Call(name(function), [_ast.Constant(index, **at), *more], [], **at), **at)

    handler = _ast.ExceptHandler(name("BaseException"), ERROR, [call(FAILED, name(ERROR))], **at)
    return _ast.Try([statement, call(PASSED)], [handler], [], [], **at)
