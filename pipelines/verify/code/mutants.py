"""Programs with one planted error each: operators, constants, bounds, conditions, returns, dropped steps. Runs nothing.

A mutant is the source with one node of its syntax tree replaced in place, so that everything else stays as it was written.
Whether a mutant is really wrong is not known here: it may be equivalent (docs/code.md says how that is measured).
"""

import ast
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.verify.code.operators import changes
from pipelines.verify.code.source import parsed, parses

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one change: its kind, the line (from 1), the changed text before and after, the whole source."""

    kind: str
    line: int
    before: str
    after: str
    source: str


def mutants(source: str, *, functions: Iterable[str] | None = None) -> Iterator[Mutant]:
    """Every mutant of the functions of a program (all of them, or those named), in the order of the text; no two alike.

    Raises ValueError where the source is no Python.
    """
    tree = parsed(source)
    original, seen = ast.dump(tree), {source}
    for node, parent in _nodes(tree, None if functions is None else frozenset(functions)):
        for kind, after in changes(node, parent):
            changed = _spliced(source, node, after)
            if changed in seen:
                continue
            seen.add(changed)
            again = parses(changed)
            if again is not None and ast.dump(again) != original:
                yield Mutant(kind, node.lineno, ast.get_source_segment(source, node) or "", after, changed)


def sampled(source: str, count: int, *, seed: int = 0, functions: Iterable[str] | None = None) -> list[Mutant]:
    """At most `count` mutants drawn from a seed, kinds in turn so that rare kinds are seen, in the order of the text."""
    rng = random.Random(seed)
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(source, functions=functions):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    for members in by_kind.values():
        rng.shuffle(members)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(by_kind.values()):
        for kind in sorted(by_kind):
            if by_kind[kind] and len(chosen) < count:
                chosen.append(by_kind[kind].pop())
    return sorted(chosen, key=lambda mutant: (mutant.line, mutant.before, mutant.after))


def _nodes(tree: ast.Module, names: frozenset[str] | None) -> list[tuple[ast.expr | ast.stmt, ast.AST]]:
    """(node, parent) of what may change: bodies of functions, without docstrings, annotations and decorators."""
    found: list[tuple[ast.expr | ast.stmt, ast.AST]] = []
    for function in ast.walk(tree):
        if isinstance(function, _FUNCTIONS) and (names is None or function.name in names):
            for statement in _without_docstring(function.body):
                _collect(statement, function, found)
    unique = {(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, type(node)): (node, parent)
              for node, parent in found}  # fmt: skip
    return sorted(unique.values(), key=lambda pair: (pair[0].lineno, pair[0].col_offset, -(pair[0].end_col_offset or 0)))


def _collect(node: ast.AST, parent: ast.AST, found: list[tuple[ast.expr | ast.stmt, ast.AST]]) -> None:
    if isinstance(node, ast.JoinedStr):  # positions inside f-strings are not those of the text before Python 3.12
        return
    if isinstance(node, ast.expr | ast.stmt):
        found.append((node, parent))
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _collect(child, node, found)


def _without_docstring(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    first = body[0]
    quoted = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if quoted else body


def _spliced(source: str, node: ast.expr | ast.stmt, after: str) -> str:
    """The source with one node's text replaced; positions of the tree are in UTF-8 bytes."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: (node.end_lineno or node.lineno) - 1])) + (node.end_col_offset or 0)
    whole = source.encode()
    return (whole[:start] + after.encode() + whole[end:]).decode()
