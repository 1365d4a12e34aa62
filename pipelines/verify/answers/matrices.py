"""Matrices in a formula: their multiples, sums and products as the one matrix that they are. Evaluates nothing."""

from functools import reduce

from pipelines.verify.answers.algebra import Unsupported
from pipelines.verify.answers.grammar import Node

_MOST_PRODUCTS, _MOST_NODES = 216, 500  # a product of products doubles with each factor


def multiplied_out(node: Node) -> Node:
    """The tree of one matrix for a formula of matrices; `Unsupported` where it is none (powers, sizes that do not fit)."""
    if node.op == "matrix":
        return node
    if node.op == "group":
        return multiplied_out(node.args[0])
    matrices = [any(part.op == "matrix" for part in arg.walk()) for arg in node.args]
    if node.op == "neg":
        return _entrywise("neg", (), multiplied_out(node.args[0]))
    if node.op in ("+", "-") and all(matrices):
        return _sum(node.op, *map(multiplied_out, node.args))
    if node.op == "*" and all(matrices):
        return _product(*map(multiplied_out, node.args))
    if node.op == "*" and matrices == [False, True]:
        return _entrywise("*", node.args[:1], multiplied_out(node.args[1]))
    if node.op in ("*", "/") and matrices == [True, False]:
        return _entrywise(node.op, (), multiplied_out(node.args[0]), node.args[1:])
    raise Unsupported("matrix inside a formula")


def _entrywise(op: str, before: tuple[Node, ...], matrix: Node, behind: tuple[Node, ...] = ()) -> Node:
    rows = (Node("row", tuple(Node(op, (*before, cell, *behind)) for cell in row.args)) for row in matrix.args)
    return Node("matrix", tuple(rows))


def _sum(op: str, left: Node, right: Node) -> Node:
    if [len(row.args) for row in left.args] != [len(row.args) for row in right.args]:
        raise Unsupported("sum of matrices of different sizes")
    rows = (
        Node("row", tuple(Node(op, cells) for cells in zip(left_row.args, right_row.args, strict=True)))
        for left_row, right_row in zip(left.args, right.args, strict=True)
    )
    return Node("matrix", tuple(rows))


def _product(left: Node, right: Node) -> Node:
    inner = len(right.args)
    if any(len(row.args) != inner for row in left.args) or len({len(row.args) for row in right.args}) != 1:
        raise Unsupported("product of matrices that do not fit")
    size = sum(1 for matrix in (left, right) for _ in matrix.walk())
    if size > _MOST_NODES or len(left.args) * inner * len(right.args[0].args) > _MOST_PRODUCTS:
        raise Unsupported("large product of matrices")
    columns = [[row.args[place] for row in right.args] for place in range(len(right.args[0].args))]
    return Node("matrix", tuple(Node("row", tuple(_dot(row.args, column) for column in columns)) for row in left.args))


def _dot(row: tuple[Node, ...], column: list[Node]) -> Node:
    terms = [Node("*", pair) for pair in zip(row, column, strict=True)]
    return reduce(lambda total, term: Node("+", (total, term)), terms)
