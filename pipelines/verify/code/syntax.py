"""Reading Python text as a syntax tree without running it: validity and definitions. Executes nothing.

Model text may be hostile: texts longer than LONGEST are not read, and every exception of the parser is handled here.
"""

import ast
import re
import warnings
from collections.abc import Iterator

LONGEST = 100_000
"""Characters of a program; a longer one is not read."""
NAME = "<completion>"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class UnreadableError(ValueError):
    """Text that is not Python; the message gives the reason, and the faulty line if there is one."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


def syntax_tree(text: str) -> ast.Module:
    """The syntax tree of a text; UnreadableError with the reason if there is none."""
    if len(text) > LONGEST:
        raise UnreadableError(f"longer than {LONGEST:,} characters")
    _be_silent()
    try:
        return ast.parse(text, filename=NAME)
    except SyntaxError as error:
        raise UnreadableError(f"{type(error).__name__}: {error.msg} (line {error.lineno})", error.lineno) from None
    # Not only SyntaxError: a NUL in the text can be a ValueError, deep nesting a MemoryError or RecursionError.
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error or 'too complex'}") from None


def parses(text: str) -> ast.Module | None:
    """The syntax tree, or None."""
    try:
        return syntax_tree(text)
    except UnreadableError:
        return None


def written(node: ast.AST) -> str | None:
    """A part of a tree as Python; None where it is nested too deeply to be written, or has a number of too many digits."""
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return None


def defined_names(tree: ast.Module) -> set[str]:
    """The names that the top level of a module binds: functions, classes, plain assignments, imports."""
    return {name for statement in tree.body for name in bound_by(statement)}


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that one statement binds; those inside an `if` or `try` count."""
    waiting = [statement]  # not by recursion: how deep an `elif` lies is the model's to choose
    while waiting:
        part = waiting.pop()
        if isinstance(part, (*FUNCTIONS, ast.ClassDef)):  # its body binds names of its own only
            yield part.name
        elif isinstance(part, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in part.names)
        elif isinstance(part, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            for target in targets:
                yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
        elif isinstance(part, ast.If | ast.Try | ast.With | ast.For | ast.While):
            waiting += [child for child in ast.iter_child_nodes(part) if isinstance(child, ast.stmt)]


def has_body(tree: ast.Module, name: str) -> bool:
    """True if the top level defines a name by more than a stub (a docstring, `pass`, bare names)."""
    for statement in reversed(tree.body):
        if name in bound_by(statement):
            return not isinstance(statement, FUNCTIONS) or any(not _is_stub(part) for part in statement.body)
    return False


def does_something(tree: ast.Module) -> bool:
    """True if a module is more than bare names and constants: prose such as `hello` parses but is not a program."""
    return any(not isinstance(statement, ast.Expr) or _acts(statement) for statement in tree.body)


def methods_of(tree: ast.Module, class_name: str) -> set[str]:
    """The methods of a top-level class; empty if there is no such class."""
    return {
        part.name
        for statement in tree.body
        if isinstance(statement, ast.ClassDef) and statement.name == class_name
        for part in statement.body
        if isinstance(part, FUNCTIONS)
    }


def _is_stub(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (isinstance(statement, ast.Expr) and not _acts(statement))


def _acts(expression: ast.Expr) -> bool:
    return any(isinstance(node, ast.Call | ast.Yield | ast.YieldFrom | ast.Await) for node in ast.walk(expression))


def _be_silent() -> None:
    """Python warns of a stray backslash in what it parses; a model's text cannot be corrected here."""
    if not any(getattr(item[3], "pattern", None) == re.escape(NAME) for item in warnings.filters[:8]):
        for category in (SyntaxWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", category=category, module=re.escape(NAME))
