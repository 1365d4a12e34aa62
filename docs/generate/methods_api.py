"""The page of `rollmill.methods`: the signature of each name, its public members and what they mean, from the source."""

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from rollmill import methods


def page() -> str:
    """The whole page."""
    lead = (
        "What methods of one's own are written with: records, the protocol of each role, base classes and helpers. "
        "`from rollmill.methods import NAME` works in a checkout and in an installed wheel; "
        "`rollmill methods new KIND NAME` writes a file that begins with them."
    )
    return "\n\n".join(["# Names for methods of one's own", lead, *(_section(name) for name in dir(methods))]) + "\n"


def _section(name: str) -> str:
    value = getattr(methods, name)
    value = getattr(value, "__wrapped__", value)  # of a function with a cache
    node = _definition(name, value)
    if node is None:  # a constant or a type under another name
        return f"## {name}\n\n`{name} = {repr(value) if isinstance(value, str | int) else ast.unparse(_assigned(name))}`"
    return f"## {name}\n\n```python\n{ast.unparse(_shown(node))}\n```"


def _definition(name: str, value: object) -> ast.ClassDef | ast.FunctionDef | None:
    """The statement that defines a class or function."""
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return None
    body = ast.parse(Path(str(sys.modules[value.__module__].__file__)).read_text(encoding="utf-8")).body
    return next((node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name), None)


def _assigned(name: str) -> ast.expr:
    """The right side of the assignment that gives a name its value."""
    module = import_module(methods._places()[name])
    body = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body
    given = (
        (node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value)
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    )
    return next(value for target, value in given if value is not None and ast.unparse(target) == name)


def _shown(node: ast.stmt) -> ast.stmt:
    """A class with its public members, or a function, with docstrings in the place of bodies."""
    if isinstance(node, ast.ClassDef):
        node.body = [*_docstring(node), *(member for member in node.body if _is_public(member))]
        node.body = [member if isinstance(member, ast.Expr) else _shown(member) for member in node.body]
        return node
    if isinstance(node, ast.FunctionDef):
        node.body = [*_docstring(node)] or [ast.Expr(ast.Constant(...))]
    return node


def _is_public(member: ast.stmt) -> bool:
    """True for an annotated attribute, and for a method that others call."""
    named = member.name if isinstance(member, ast.FunctionDef) else None
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
        named = member.target.id
    return named is not None and (named == "__init__" or not named.startswith("_"))


def _docstring(node: ast.ClassDef | ast.FunctionDef) -> Iterator[ast.stmt]:
    if text := ast.get_docstring(node, clean=False):
        yield ast.Expr(ast.Constant(text))
