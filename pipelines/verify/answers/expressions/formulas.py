"""A tree of notation as an exact formula, and a formula of matrices as the one matrix that it is.

Functions are known by name only: what cannot be reduced becomes an opaque atom.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import reduce

from rollmill.pipelines.verify.answers.expressions import algebra
from rollmill.pipelines.verify.answers.expressions.algebra import UNIT, Formula, UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode

_COMBINE: Mapping[str, Callable[[Formula, Formula], Formula]] = {
    "+": algebra.add,
    "-": lambda a, b: algebra.add(a, algebra.negate(b)),
    "*": algebra.multiply,
    "/": algebra.divide,
}
_MAX_FACTORIAL = 300  # larger ones are compared as opaque atoms: 1/2004! never becomes a number
_MAX_BINOMIAL = 1_000
_MOST_SHIFTED = 12  # (n + 12)! is multiplied out to n!


def formula(node: ExpressionNode) -> Formula:
    """The exact value of a scalar tree; `Unsupported` for a tree that is not a scalar or grows beyond the bounds."""
    build = _BUILD.get(node.op)
    if build is None:
        raise UnsupportedForm(f"{node.op} is no number")
    return build(node)


def symbol_name(node: ExpressionNode) -> str | None:
    """The name of a bare symbol (x, x_1, f', a word), or None."""
    if node.op in ("name", "word"):
        return node.text
    if node.op == "prime":
        name = symbol_name(node.args[0])
        return None if name is None else name + "'"
    if node.op == "_":
        name, index = symbol_name(node.args[0]), _index(node.args[1])
        return None if name is None or index is None else f"{name}_{index}"
    return None


def _index(node: ExpressionNode) -> str | None:
    if node.op == "number":
        return node.text
    return _index(node.args[0]) if node.op == "group" else symbol_name(node)


def opaque(name: str, *inside: Formula) -> Formula:
    """An atom that equals only itself: a function of exact arguments that is not reduced."""
    return algebra.atom(f"f:{name}({', '.join(item.key() for item in inside)})")


def _number(node: ExpressionNode) -> Formula:
    assert node.value is not None
    return algebra.constant(node.value)


def _name(node: ExpressionNode) -> Formula:
    name = symbol_name(node)
    if name is None or node.op == "word":
        raise UnsupportedForm("words in a formula")
    return algebra.atom({"pi": "c:pi", "e": "c:e", "i": "i"}.get(name, f"s:{name}"))


def _power(node: ExpressionNode) -> Formula:
    base, exponent = formula(node.args[0]), formula(node.args[1])
    value = exponent.rational()
    if value is None:
        return opaque("power", base, exponent)
    try:
        return algebra.power(base, value)
    except UnsupportedForm:
        if value.denominator == 1 and abs(value) <= 64:
            raise
        return opaque("power", base, exponent)


def _root(node: ExpressionNode) -> Formula:
    degree, base = formula(node.args[0]).rational(), formula(node.args[1])
    if degree is None or degree.denominator != 1 or degree < 2:
        raise UnsupportedForm("root of a strange degree")
    try:
        # A root sign means the real root, ∛(-8) = -2; the power (-8)^(1/3) stays opaque.
        return algebra.power(base, 1 / degree, real_root=True)
    except UnsupportedForm:
        return opaque(f"root{degree}", base)


def _factorial(node: ExpressionNode) -> Formula:
    return _factorial_of(formula(node.args[0]))


def _factorial_of(inner: Formula) -> Formula:
    """The factorial of a small number; (k - 1)! as k!/k, so that factorials of neighbours are comparable."""
    value = inner.rational()
    if value is not None and value.denominator == 1 and 0 <= value <= _MAX_FACTORIAL:
        return algebra.constant(math.factorial(int(value)))
    shift = inner.num.get(UNIT, Fraction(0)) if inner.den == {UNIT: Fraction(1)} else Fraction(0)
    if not shift or shift.denominator != 1 or abs(shift) > _MOST_SHIFTED or value is not None:
        return opaque("factorial", inner)
    base = algebra.add(inner, algebra.constant(-shift))
    steps = range(1, int(shift) + 1) if shift > 0 else range(int(shift) + 1, 1)
    product = reduce(algebra.multiply, (algebra.add(base, algebra.constant(step)) for step in steps))
    whole = opaque("factorial", base)
    return algebra.multiply(whole, product) if shift > 0 else algebra.divide(whole, product)


def _binomial(node: ExpressionNode) -> Formula:
    top, bottom = (formula(arg) for arg in node.args)
    n, k = top.rational(), bottom.rational()
    if n is not None and k is not None and n.denominator == k.denominator == 1 and 0 <= n <= _MAX_BINOMIAL and k >= 0:
        return algebra.constant(math.comb(int(n), int(k)))
    if k is not None and k.denominator == 1 and 0 <= k <= _MOST_SHIFTED and n is None:
        factors = [algebra.add(top, algebra.constant(-step)) for step in range(int(k))]
        return algebra.divide(
            reduce(algebra.multiply, factors, algebra.constant(1)), algebra.constant(math.factorial(int(k)))
        )
    if n is not None and k is not None:
        return opaque("binomial", top, bottom)
    rest = algebra.add(top, algebra.negate(bottom))
    return algebra.divide(_factorial_of(top), algebra.multiply(_factorial_of(bottom), _factorial_of(rest)))


def _rounding(name: str, reduce: Callable[[Fraction], int | Fraction]) -> Callable[[ExpressionNode], Formula]:
    def build(node: ExpressionNode) -> Formula:
        inner = formula(node.args[0])
        value = inner.rational()
        return opaque(name, inner) if value is None else algebra.constant(reduce(value))

    return build


_OF_NUMBERS: Mapping[str, Callable[..., int]] = {"gcd": math.gcd, "lcm": math.lcm, "max": max, "min": min}


def _call(node: ExpressionNode) -> Formula:
    args = [formula(arg) for arg in node.args]
    if node.text == "exp" and len(args) == 1:
        # Both spellings, exp(x) and e^x, need one form to be equal.
        return _power(ExpressionNode("^", (ExpressionNode("name", (), "e"), node.args[0])))
    if node.text in ("ln", "log") and len(args) == 1 and args[0].rational() == 1:
        # The logarithm of 1 is 0 in every base; every other one stays opaque.
        return algebra.constant(0)
    values = [value for arg in args if (value := arg.rational()) is not None]
    if node.text in _OF_NUMBERS and len(values) == len(args) > 1 and all(value.denominator == 1 for value in values):
        return algebra.constant(_OF_NUMBERS[node.text](*map(int, values)))
    return opaque(node.text, *args)


def _apply(node: ExpressionNode) -> Formula:
    inner = node.args[1]
    args = inner.args if inner.op in ("bracket", "group") else (inner,)
    return opaque(node.args[0].text, *(formula(arg) for arg in args))


def _chain(node: ExpressionNode) -> Formula:
    total: Formula = node.folded(formula, _COMBINE)
    return total


def _inner(node: ExpressionNode) -> Formula:
    return formula(node.args[0])


_BUILD: Mapping[str, Callable[[ExpressionNode], Formula]] = {
    "number": _number,
    "name": _name,
    "prime": _name,
    "_": _name,
    "group": _inner,
    "neg": lambda node: algebra.negate(_inner(node)),
    "+": _chain,
    "-": _chain,
    "*": _chain,
    "/": _chain,
    "^": _power,
    "root": _root,
    "!": _factorial,
    "binom": _binomial,
    "abs": _rounding("abs", abs),
    "floor": _rounding("floor", math.floor),
    "ceil": _rounding("ceil", math.ceil),
    "%": lambda node: algebra.divide(_inner(node), algebra.constant(100)),
    "°": lambda node: algebra.multiply(_inner(node), algebra.atom("f:degree")),
    "call": _call,
    "apply": _apply,
}


_MOST_PRODUCTS, _MOST_NODES = 216, 500  # a product of products doubles with each factor


def multiplied_out(node: ExpressionNode) -> ExpressionNode:
    """The tree of one matrix for a formula of matrices; `Unsupported` if it is none (powers, sizes that do not fit)."""
    if node.op == "matrix":
        return node
    if node.op == "group":
        return multiplied_out(node.args[0])
    if node.op == "bracket":
        return _matrix([node.args])
    # A factor without a matrix anywhere below it is a scalar.
    matrices = [any(part.op in ("matrix", "bracket") for part in arg.walk()) for arg in node.args]
    if node.op == "neg":
        return _entrywise("neg", (), multiplied_out(node.args[0]))
    if node.op in ("+", "-") and all(matrices):
        return _sum(node.op, *map(multiplied_out, node.args))
    if node.op == "*" and all(matrices):
        return _product(*map(multiplied_out, node.args))
    if node.op == "*" and matrices == [False, True] and node.args[0].op != "name":  # P(3, 4)
        return _entrywise("*", node.args[:1], multiplied_out(node.args[1]))
    # Only a scalar divides: a quotient by a matrix is not covered.
    if node.op in ("*", "/") and matrices == [True, False]:
        return _entrywise(node.op, (), multiplied_out(node.args[0]), node.args[1:])
    raise UnsupportedForm("matrix inside a formula")


def _matrix(rows: Iterable[Iterable[ExpressionNode]]) -> ExpressionNode:
    return ExpressionNode("matrix", tuple(ExpressionNode("row", tuple(row)) for row in rows))


def _entrywise(
    op: str, before: tuple[ExpressionNode, ...], matrix: ExpressionNode, behind: tuple[ExpressionNode, ...] = ()
) -> ExpressionNode:
    return _matrix([ExpressionNode(op, (*before, cell, *behind)) for cell in row.args] for row in matrix.args)


def _sum(op: str, left: ExpressionNode, right: ExpressionNode) -> ExpressionNode:
    if [len(row.args) for row in left.args] != [len(row.args) for row in right.args]:
        raise UnsupportedForm("sum of matrices of different sizes")
    rows = zip(left.args, right.args, strict=True)
    return _matrix([ExpressionNode(op, cells) for cells in zip(one.args, other.args, strict=True)] for one, other in rows)


def _product(left: ExpressionNode, right: ExpressionNode) -> ExpressionNode:
    inner = len(right.args)
    if any(len(row.args) != inner for row in left.args) or len({len(row.args) for row in right.args}) != 1:
        raise UnsupportedForm("product of matrices that do not fit")
    size = sum(1 for matrix in (left, right) for _ in matrix.walk())
    if size > _MOST_NODES or len(left.args) * inner * len(right.args[0].args) > _MOST_PRODUCTS:
        raise UnsupportedForm("large product of matrices")
    columns = [[row.args[place] for row in right.args] for place in range(len(right.args[0].args))]
    return _matrix([_dot(row.args, column) for column in columns] for row in left.args)


def _dot(row: tuple[ExpressionNode, ...], column: list[ExpressionNode]) -> ExpressionNode:
    terms = [ExpressionNode("*", pair) for pair in zip(row, column, strict=True)]
    return reduce(lambda total, term: ExpressionNode("+", (total, term)), terms)
