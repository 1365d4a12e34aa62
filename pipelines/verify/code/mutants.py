"""Programs with one planted error each, by which the strength of tests is measured. Runs nothing.

A mutant is the source with one node of its syntax tree replaced in place, so that everything else is unchanged.
Kinds: arithmetic, boolean, boundary, call, comparison, condition, constant, dropped_step, loop, off_by_one, return, sign,
slice. Whether a mutant is really wrong is not known here: it may be equivalent (measured in docs/explanation/code.md).
"""

import ast
import copy
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rollmill.pipelines.verify.code.syntax import FUNCTIONS, UnreadableError, parses, syntax_tree, written


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

    Raises ValueError if the source is not Python, or nested too deeply.
    """
    tree = syntax_tree(source)
    try:
        original, sources = ast.dump(tree), {source}
        nodes = _nodes(tree, None if functions is None else frozenset(functions))
    except RecursionError:
        raise UnreadableError("RecursionError: nested too deeply") from None
    for node, parent in nodes:
        for kind, after in changes(node, parent):
            changed = _spliced(source, node, after)
            if changed in sources:
                continue
            # Remembered before it is parsed, so that a text that is no Python is not parsed again.
            sources.add(changed)
            again = parses(changed)
            # Another text can be the same program, or none.
            if again is not None and ast.dump(again) != original:
                yield Mutant(kind, node.lineno, ast.get_source_segment(source, node) or "", after, changed)


def sampled_mutants(source: str, count: int, *, seed: int = 0, functions: Iterable[str] | None = None) -> list[Mutant]:
    """At most `count` mutants drawn from a seed, kinds in turn so that rare kinds are seen, in the order of the text."""
    rng = random.Random(seed)
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(source, functions=functions):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    for members in by_kind.values():
        rng.shuffle(members)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(by_kind.values()):
        # Sorted, so that the sample follows from the seed and not from the order in which kinds occur.
        for kind in sorted(by_kind):
            if by_kind[kind] and len(chosen) < count:
                chosen.append(by_kind[kind].pop())
    return sorted(chosen, key=lambda mutant: (mutant.line, mutant.before, mutant.after))


def _nodes(tree: ast.Module, names: frozenset[str] | None) -> list[tuple[ast.expr | ast.stmt, ast.AST]]:
    """(node, parent) of what may change: bodies of functions, without docstrings, annotations and decorators."""
    nodes: list[tuple[ast.expr | ast.stmt, ast.AST]] = []
    for function in ast.walk(tree):
        if isinstance(function, FUNCTIONS) and (names is None or function.name in names):
            for statement in _without_docstring(function.body):
                _collect(statement, function, nodes)
    # A nested function's statements are collected twice: from outside, and as its own.
    unique = {(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, type(node)): (node, parent)
              for node, parent in nodes}  # fmt: skip
    return sorted(unique.values(), key=lambda pair: (pair[0].lineno, pair[0].col_offset, -(pair[0].end_col_offset or 0)))


def _collect(node: ast.AST, parent: ast.AST, nodes: list[tuple[ast.expr | ast.stmt, ast.AST]]) -> None:
    if isinstance(node, ast.JoinedStr):  # positions inside f-strings are not those of the text before Python 3.12
        return
    if isinstance(node, ast.expr | ast.stmt):
        nodes.append((node, parent))
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _collect(child, node, nodes)


def _without_docstring(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    first = body[0]
    quoted = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if quoted else body


def _spliced(source: str, node: ast.expr | ast.stmt, after: str) -> str:
    """The source with one node's text replaced; positions of the tree are in UTF-8 bytes."""
    # Of bytes: for texts splitlines also breaks at form feeds and U+2028, where Python's parser does not.
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: (node.end_lineno or node.lineno) - 1])) + (node.end_col_offset or 0)
    whole = source.encode()
    return (whole[:start] + after.encode() + whole[end:]).decode()


_ARITHMETIC: Mapping[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Mod),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
}
_COMPARISONS: Mapping[type[ast.cmpop], tuple[tuple[str, type[ast.cmpop]], ...]] = {
    ast.Lt: (("boundary", ast.LtE), ("comparison", ast.Gt)),
    ast.LtE: (("boundary", ast.Lt), ("comparison", ast.GtE)),
    ast.Gt: (("boundary", ast.GtE), ("comparison", ast.Lt)),
    ast.GtE: (("boundary", ast.Gt), ("comparison", ast.LtE)),
    ast.Eq: (("comparison", ast.NotEq),),
    ast.NotEq: (("comparison", ast.Eq),),
    ast.In: (("comparison", ast.NotIn),),
    ast.NotIn: (("comparison", ast.In),),
    ast.Is: (("comparison", ast.IsNot),),
    ast.IsNot: (("comparison", ast.Is),),
}
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SWAPPED = {
    name: other
    for pair in (("min", "max"), ("any", "all"), ("upper", "lower"), ("floor", "ceil"), ("islower", "isupper"))
    for name, other in (pair, pair[::-1])
}
_WIDEST = 10**12
Change = tuple[str, str]
Node = TypeVar("Node", bound=ast.AST)


def changes(node: ast.AST, parent: ast.AST) -> Iterator[Change]:
    """(kind, new text) for every change of one node."""
    for kind, changed in _changed(node, parent):
        text = written(changed)
        if text is None:
            continue
        compound = isinstance(changed, ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp | ast.IfExp)
        whole = isinstance(changed, ast.stmt) or isinstance(parent, ast.stmt) or not compound
        yield kind, text if whole else f"({text})"  # within an expression precedence could change its meaning


def _changed(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    yield from _negated(node, parent)
    if isinstance(node, ast.Constant):
        yield from _constant(node, parent)
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield from _operator(node)
    elif isinstance(node, ast.Slice):
        yield from _slice(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.IfExp):
        yield "condition", _with(node, body=node.orelse, orelse=node.body)
    if isinstance(node, ast.stmt):
        yield from _statement(node)


def _operator(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        for other in _ARITHMETIC.get(type(node.op), ()):
            yield "arithmetic", _with(node, op=other())
    elif isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            for kind, comparison in _COMPARISONS.get(type(operator), ()):
                yield kind, _with(node, ops=[*node.ops[:position], comparison(), *node.ops[position + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield "boolean", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp):
        yield ("boolean" if isinstance(node.op, ast.Not) else "sign"), node.operand


def _statement(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return", _with(node, value=ast.Constant(None))
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
        # Dropping a bare constant changes nothing.
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield "dropped_step", ast.Pass()
    elif isinstance(node, ast.Break | ast.Continue):
        yield "loop", ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def _negated(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """A condition turned round, if no change of its operator does that already."""
    if isinstance(parent, ast.If | ast.While | ast.IfExp) and node is parent.test and isinstance(node, ast.expr):
        # `a == b` becomes `a != b`, but `a < b` becomes `a <= b` and `a > b`, never its opposite.
        opposed = isinstance(node, ast.Compare) and len(node.ops) == 1 and not isinstance(node.ops[0], _ORDERS)
        if not opposed and not isinstance(node, ast.UnaryOp | ast.Constant):
            yield "condition", ast.UnaryOp(ast.Not(), node)


def _constant(node: ast.Constant, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    # Before int, of which bool is a subclass.
    if isinstance(value, bool):
        yield "boolean", ast.Constant(not value)
    elif isinstance(value, int) and abs(value) < _WIDEST:
        yield "constant", ast.Constant(value + 1)
        if value > 0:
            yield "constant", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "constant", ast.Constant(value + 1.0)
    elif isinstance(value, str) and not isinstance(parent, ast.Expr):
        # A string that is a statement of its own computes nothing.
        yield "constant", ast.Constant("" if value else "x")


def _slice(node: ast.Slice) -> Iterator[tuple[str, ast.AST]]:
    for name in ("lower", "upper"):
        bound = getattr(node, name)
        if bound is not None:
            yield "slice", _with(node, **{name: None})
            yield "off_by_one", _with(node, **{name: ast.BinOp(bound, ast.Add(), ast.Constant(1))})
    if node.lower is None:
        yield "slice", _with(node, lower=ast.Constant(1))


def _call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    function = node.func
    name = function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    if name == "range" and node.args and not node.keywords:
        last = 0 if len(node.args) == 1 else 1  # place of the end of the range
        for operator in (ast.Add(), ast.Sub()):
            bound = ast.BinOp(node.args[last], operator, ast.Constant(1))
            yield "off_by_one", _with(node, args=[*node.args[:last], bound, *node.args[last + 1 :]])
    elif name == "append" and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        yield "call", ast.Call(_with(node.func, attr="insert"), [ast.Constant(0), *node.args], [])
    elif name in _SWAPPED:
        swapped = {"id" if isinstance(node.func, ast.Name) else "attr": _SWAPPED[name]}
        yield "call", _with(node, func=_with(node.func, **swapped))
    elif name in ("sorted", "reversed", "abs", "set", "round") and len(node.args) == 1:
        # `list` drops the order or the uniqueness and keeps a collection, so that the code around it runs.
        yield "call", node.args[0] if name in ("abs", "round") else ast.Call(ast.Name("list"), list(node.args), [])


def _with(node: Node, **fields: object) -> Node:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
