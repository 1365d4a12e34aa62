"""The linter of edit sequences: does a Python program compile, and is every name bound before it is used?

These are the faults that taking lines away can cause. Nothing is run and no bytecode is made (nested `finally` blocks
double it at each level); the symbol table is the interpreter's own, so what passes here compiles. Only certain faults are
reported: a name that any branch binds counts as bound, and after `import *` any name may be.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from rollmill.pipelines.edit.scopes import BEFORE, NamePlace, NameScope, use_fault
from rollmill.pipelines.verify.code.syntax import NAME, UnreadableError, syntax_tree

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BRANCHES = (ast.If, ast.IfExp, ast.Try, ast.TryStar, ast.BoolOp, ast.Match)


class Fault(NamedTuple):
    """Fault of a program and its line (from 1)."""

    line: int
    what: str


def faults(source: str) -> list[Fault]:
    """The faults of a program, by line; a single one if it does not compile. UnreadableError if none has a line."""
    try:
        tree = syntax_tree(source)
        # The parser lets pass duplicate arguments and `nonlocal` or `global` out of place; the symbol table does not.
        symtable.symtable(source, NAME, "exec")
        reader = _Reader()
        reader.module(tree)
    except UnreadableError as error:
        if error.line is None:
            raise
        return [Fault(error.line, str(error))]
    except SyntaxError as error:
        return [Fault(error.lineno or 1, f"SyntaxError: {error.msg}")]
    except (ValueError, MemoryError, RecursionError) as error:
        raise UnreadableError(f"{type(error).__name__}: too complex") from None
    return sorted({*reader.misplaced, *reader.unbound()})


class _Reader(ast.NodeVisitor):
    """Collects, scope by scope, in the order of evaluation, which names are bound and used."""

    def __init__(self) -> None:
        self.scopes: list[NameScope] = []
        self.misplaced: list[Fault] = []
        self._stars = False
        self._order = self._statement = 0
        self._inside: tuple[tuple[int, bool], ...] = ()

    @property
    def _here(self) -> NameScope:
        return self._stack[-1]

    def module(self, tree: ast.Module) -> None:
        """Read a whole program."""
        self._stack: list[NameScope] = []
        self._within(NameScope("module"), tree.body)

    def unbound(self) -> Iterator[Fault]:
        """The uses of names that nothing binds, or nothing before."""
        for scope in () if self._stars else self.scopes:
            for name, line, place in scope.uses:
                what = use_fault(scope, name, place)
                if what:
                    yield Fault(line, f"{name} is {what}")

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            self._statement += 1
        if isinstance(node, _FUNCTIONS):
            self._function(node)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node)
        elif isinstance(node, (*_LOOPS, *_BRANCHES)):
            self._branch(node)
        else:
            super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self._use(node.id, node.lineno)

    def visit_Assign(self, node: ast.Assign) -> None:
        # The value is evaluated first; the fields of the node are in the other order.
        self._all((node.value, *node.targets))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self._all((node.value, node.target))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):  # it must be bound already, so this binds nothing
            self._use(node.target.id, node.lineno)
        else:
            self.visit(node.target)
        self.visit(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        scope = self._here
        # A walrus in a comprehension binds in the scope around it (PEP 572).
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        self._bind(node.target.id, scope)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._all(node.decorator_list)
        outer = self._typed(node)
        self._all((*node.bases, *node.keywords))
        self._within(NameScope("class", self._here), node.body)
        self._leave(outer)
        self._bind(node.name)

    def visit_TypeAlias(self, node: Any) -> None:  # from Python 3.12 on
        self.visit(node.name)
        outer = self._typed(node)
        self.visit(node.value)
        self._leave(outer)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.split(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self._stars = True
            else:
                self._bind(alias.asname or alias.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self._bind(node.name)
        self._all(node.body)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        if node.name:
            self._bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._bind(node.rest)

    def visit_Global(self, node: ast.Global) -> None:
        if self._here.kind != "module":
            self._here.elsewhere.update(node.names)
        for name in node.names:
            # When the function runs cannot be told, and only what is certain is a fault.
            self.scopes[0].bound.setdefault(name, []).append(BEFORE)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._here.elsewhere.update(node.names)

    def visit_Return(self, node: ast.Return) -> None:
        self._only_in_function(node, "return")

    def visit_Yield(self, node: ast.Yield) -> None:
        self._only_in_function(node, "yield")

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._only_in_function(node, "yield")

    def visit_Await(self, node: ast.Await) -> None:
        self._only_in_async(node, "await")

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._only_in_async(node, "async with")

    def visit_Break(self, node: ast.Break) -> None:
        self._only_in_loop(node, "break")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._only_in_loop(node, "continue")

    def _only_in_function(self, node: ast.stmt | ast.expr, word: str) -> None:
        if self._here.kind in ("module", "class"):
            self.misplaced.append(Fault(node.lineno, f"{word} outside a function"))
        self.generic_visit(node)

    def _only_in_async(self, node: ast.stmt | ast.expr, word: str) -> None:
        if not self._here.is_async:
            self.misplaced.append(Fault(node.lineno, f"{word} outside an async function"))
        self.generic_visit(node)

    def _only_in_loop(self, node: ast.stmt, word: str) -> None:
        if not any(is_loop for _, is_loop in self._inside):
            self.misplaced.append(Fault(node.lineno, f"{word} outside a loop"))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
        self._all([] if isinstance(node, ast.Lambda) else node.decorator_list)
        self._all([*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)])
        outer = self._typed(node)
        self._all([argument.annotation for argument in every if argument.annotation is not None])
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            self.visit(node.returns)
        scope = NameScope("function", self._here, isinstance(node, ast.AsyncFunctionDef))
        scope.bound = {argument.arg: [BEFORE] for argument in every}
        self._within(scope, [node.body] if isinstance(node, ast.Lambda) else node.body)
        self._leave(outer)
        if not isinstance(node, ast.Lambda):
            self._bind(node.name)

    def _typed(self, node: ast.AST) -> bool:
        """Enter the scope of a function's or class's type parameters, if it has any."""
        parameters = getattr(node, "type_params", ())  # from Python 3.12 on
        if not parameters:
            return False
        scope = NameScope("function", self._here, bound={parameter.name: [BEFORE] for parameter in parameters})
        self.scopes.append(scope)
        self._stack.append(scope)
        return True

    def _leave(self, entered: bool) -> None:
        if entered:
            self._stack.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first = node.generators[0]
        # The first iterable alone is evaluated in the scope around the comprehension.
        self.visit(first.iter)
        # `async for` is allowed in any generator expression, which then is an asynchronous generator.
        scope = NameScope("comprehension", self._here, self._here.is_async or isinstance(node, ast.GeneratorExp))
        parts: list[ast.AST] = []
        for generator in node.generators:
            if generator.is_async and not scope.is_async:
                self.misplaced.append(Fault(node.lineno, "an async comprehension outside an async function"))
            parts += [*([] if generator is first else [generator.iter]), generator.target, *generator.ifs]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._within(scope, parts, nested=False)

    def _branch(self, node: ast.AST) -> None:
        """Visit a loop or branch, whose content may run never or more than once."""
        if isinstance(node, ast.AsyncFor) and not self._here.is_async:
            self.misplaced.append(Fault(node.lineno, "async for outside an async function"))
        # Evaluated once, before the first turn.
        if isinstance(node, ast.For | ast.AsyncFor):
            self.visit(node.iter)
        self._order += 1
        before, self._inside = self._inside, (*self._inside, (self._order, isinstance(node, _LOOPS)))
        if isinstance(node, ast.For | ast.AsyncFor):
            self._all((node.target, *node.body))
        elif isinstance(node, ast.While):
            self._all((node.test, *node.body))
        else:
            self.generic_visit(node)
        self._inside = before
        # A `break` in the else branch belongs to a loop further out.
        if isinstance(node, _LOOPS):
            self._all(node.orelse)

    def _within(self, scope: NameScope, parts: Iterable[ast.AST], *, nested: bool = True) -> None:
        """Read the content of a nested scope; a comprehension stays inside the loops around it."""
        before, self._inside = self._inside, () if nested else self._inside
        self.scopes.append(scope)
        self._stack.append(scope)
        self._all(parts)
        self._stack.pop()
        self._inside = before

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _bind(self, name: str, scope: NameScope | None = None) -> None:
        (scope or self._here).bound.setdefault(name, []).append(self._place())

    def _use(self, name: str, line: int) -> None:
        self._here.uses.append((name, line, self._place()))

    def _place(self) -> NamePlace:
        self._order += 1
        return NamePlace(self._order, self._statement, self._inside)


def lines_of(found: Sequence[Fault]) -> list[int]:
    """The lines at fault, each once, in order."""
    return sorted({fault.line for fault in found})
