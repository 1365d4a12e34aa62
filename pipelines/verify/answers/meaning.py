"""Meaning of an answer's tree: a number, a list, an interval, an equation, words."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from rollmill.pipelines.verify.answers.answer_values import (
    Assignments,
    Collection,
    Interval,
    Kind,
    Matrix,
    NamedValue,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
)
from rollmill.pipelines.verify.answers.equations import united
from rollmill.pipelines.verify.answers.expressions import algebra
from rollmill.pipelines.verify.answers.expressions.algebra import Formula, UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.formulas import formula, multiplied_out, symbol_name
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode
from rollmill.pipelines.verify.answers.expressions.quantity import print_slack, scale_word
from rollmill.pipelines.verify.answers.expressions.units import CHANGING, FOREIGN_CHANGING, known_unit
from rollmill.pipelines.verify.answers.wordings import words

# why exact arithmetic gives up on a number that numerical methods may still compare
_GROWTH = frozenset(["power too large", "number too large", "too many terms", "number too large to factor"])
_CONSTANTS = frozenset(["pi", "e", "i"])
# short words that the scanner reads as words: behind a number they begin a sentence, and are no unit
_NO_UNITS = frozenset(["so", "is", "we", "he", "if"])
_ARE_NO_UNITS = CHANGING | _NO_UNITS | FOREIGN_CHANGING
_ENCLOSING = frozenset(["call", "apply"])
_NO_NUMBER = frozenset({"list", "either", "bracket", "union", "relation", "ratio", "matrix", "word", *"∞∅ℝ…±∓"})
_KINDS: dict[str, Kind] = {"()": "()", "[]": "[]", "{..}": "set"}
_ARITHMETIC = frozenset(["+", "-", "*", "/", "neg", "group"])


def meaning(node: ExpressionNode) -> Value:
    """Value of a tree; `Unsupported` for combinations that no rule covers."""
    if node.op in _STRUCTURES:
        return _STRUCTURES[node.op](node)
    if node.op == "neg" and node.args[0].op == "∞":
        return Words("-∞")
    if node.op == "_" and node.args[0].op == "number":
        return _based(node)
    if node.op in _ARITHMETIC and _contains(node, ("matrix",)):
        return meaning(multiplied_out(node))
    if node.op in _ARITHMETIC and any(map(_is_vector, node.args)):
        return Collection("()", _matrix(multiplied_out(node)).rows[0])  # 1/5 (3, 4)
    if _contains(node, ("±", "∓")):
        return Collection("either", (_scalar(_signed(node, "+")), _scalar(_signed(node, "-"))))
    return _measured(node)


def _based(node: ExpressionNode) -> Words:
    """A numeral with its base, 141_{13}: it is compared as written, since the problem requests that base."""
    index = node.args[1].args[0] if node.args[1].op == "group" else node.args[1]
    if index.op != "number":
        raise UnsupportedForm("subscript of a number")
    return Words(f"{node.args[0].text.lstrip('0')}_{index.text}")


def _measured(node: ExpressionNode) -> Scalar:
    """A scalar with the unit or percent sign behind it."""
    if node.op == "*" and node.args[1].op == "word":
        return _with_unit(node.args[0], node.args[1].text)
    if node.op == "*" and node.args[1].op == "^" and node.args[1].args[0].op == "word":
        return _with_unit(node.args[0], f"{node.args[1].args[0].text}^{node.args[1].args[1].text}")
    if node.op == "°" or (node.op == "neg" and node.args[0].op == "°"):
        inner = node.args[0] if node.op == "°" else ExpressionNode("neg", node.args[0].args)
        return _with_unit(inner, "°")
    if node.op == "%":
        return replace(_scalar(node.args[0]), scale="%")
    return _scalar(node)


def _with_unit(node: ExpressionNode, unit: str) -> Scalar:
    plain = _measured(node)
    first, _, rest = unit.strip().partition(" ")
    later = unit.split() if plain.unit or plain.scale else rest.split()
    if _ARE_NO_UNITS.intersection(unit.lower().split()) or any(map(scale_word, later)):
        raise UnsupportedForm(f"{unit!r} changes the number")
    if plain.unit:
        return replace(plain, unit=f"{plain.unit} {unit}")
    if scale_word(first) and not plain.scale:
        return replace(plain, scale=scale_word(first), unit=rest)
    if known_unit(unit) is None and any(part.op == "name" and part.text not in _CONSTANTS for part in node.walk()):
        raise UnsupportedForm("words behind a formula")  # x is even: i*s*x with the unit "even"
    return replace(plain, unit=unit.strip())


def _scalar(node: ExpressionNode) -> Scalar:
    for part in node.walk(below=_ENCLOSING):
        if part.op in _NO_NUMBER:
            raise UnsupportedForm(f"{part.op} inside a formula")
    try:
        exact: Formula | None = formula(node)
    except UnsupportedForm as error:
        if str(error) not in _GROWTH:
            raise
        exact = None  # bounds and the oracle read the tree alone
    inner = node.args[0] if node.op == "neg" else node  # -0.5 is a printed decimal too
    if inner.op != "number":
        return Scalar(node, exact)  # a formula is exact: only a printed decimal has slack
    return Scalar(node, exact, slack=print_slack(inner.text), places=len(inner.text.partition(".")[2]))


def _solutions(items: list[Value], names: list[str | None]) -> Value | None:
    """p = 5, q = 2; p = 7, q = 2 as the list (5, 2), (7, 2); None if names do not come round in one order."""
    size = len(dict.fromkeys(names))
    if None in names or size < 2 or len(names) == size or len(names) % size or names != names[:size] * (len(names) // size):
        return None
    values = [item.value for item in items if isinstance(item, NamedValue)]
    groups = [tuple(values[at : at + size]) for at in range(0, len(values), size)]
    return Collection("list", tuple(Collection("()", group) for group in groups))


def _either(node: ExpressionNode) -> Value:
    """Alternatives; p = 5, q = 2 or p = 7, q = 2 are two, if "or" parts lists of equations of one length."""
    places = [int(place) for place in node.text.split()] or [0]
    lists = [node.args[first:last] for first, last in zip(places, [*places[1:], len(node.args)], strict=True)]
    named = [[item.args[0] for item in items if item.op == "relation" and item.text == "="] for items in lists]
    size = len(lists[0])
    if size > 1 and all(len(items) == len(names) == size for items, names in zip(lists, named, strict=True)):
        values = tuple(_list("list", [meaning(item) for item in items]) for items in lists)
        if all(isinstance(value, Assignments) for value in values):
            return Collection("either", values)
    return _list("either", [meaning(item) for item in node.args])


def _list(kind: Kind, items: list[Value]) -> Value:
    """A bare list; `n = 2, 3` and `x = 2, x = 3` name the whole of it, `x = 2, y = 3` names each."""
    items = [part for item in items for part in _both_signs(item)]
    named = sorted((item for item in items if isinstance(item, NamedValue)), key=lambda item: item.name)
    if len({item.name for item in named}) == len(items) > 1 and kind == "list":
        return Assignments(tuple(item.name for item in named), tuple(item.value for item in named), named == items)
    names = [item.name if isinstance(item, NamedValue) else None for item in items]
    if kind == "list" and (solutions := _solutions(items, names)) is not None:
        return solutions
    first = items[0]
    ranges = [item.value for item in items if isinstance(item, NamedValue) and isinstance(item.value, Interval)]
    if ranges and len(items) > 1 and isinstance(first, NamedValue) and set(names) == {first.name}:
        union = united(kind, [item.value for item in items if isinstance(item, NamedValue)])
        if union is not None:
            return NamedValue(first.name, union)
    if isinstance(first, NamedValue) and not isinstance(first.value, Interval):
        if all(name == first.name for name in names):
            return NamedValue(first.name, Collection(kind, tuple(i.value for i in items if isinstance(i, NamedValue))))
        if not any(names[1:]):
            return NamedValue(first.name, Collection(kind, (first.value, *items[1:])))
    return Collection(kind, tuple(items))


def _both_signs(item: Value) -> tuple[Value, ...]:
    """0, ±2 as 0, 2, -2 and (0, ±2) as two pairs; what has several ± is left as it is."""
    if isinstance(item, Collection) and item.kind == "either":
        return item.items if len(item.items) == 2 else (item,)
    if not isinstance(item, Collection) or item.kind != "()":
        return (item,)
    places = [place for place, part in enumerate(item.items) if isinstance(part, Collection)]
    if len(places) != 1:
        return (item,)
    either = item.items[places[0]]
    if not isinstance(either, Collection) or either.kind != "either":
        return (item,)
    before, behind = item.items[: places[0]], item.items[places[0] + 1 :]
    return tuple(Collection("()", (*before, sign, *behind)) for sign in either.items)


def _bracket(node: ExpressionNode) -> Value:
    items = node.args
    if len(items) == 2 and (node.text not in _KINDS or any(_infinite(item) for item in items)):
        if node.text == "{..}":
            raise UnsupportedForm("infinity in a set")
        return _interval(items[0], items[1], (node.text[0] == "[", node.text[1] == "]"))
    if node.text not in _KINDS:
        raise UnsupportedForm("half-open brackets")
    return Collection(_KINDS[node.text], tuple(meaning(item) for item in items))


def _interval(low: ExpressionNode, high: ExpressionNode, closed: tuple[bool, bool]) -> Interval:
    """From one end to the other; infinity belongs to no interval, however it is written."""
    ends = _infinite(low), _infinite(high)
    if ends[0] == "+" or ends[1] == "-":
        raise UnsupportedForm("interval from plus infinity")
    return Interval(
        None if ends[0] else _scalar(low),
        None if ends[1] else _scalar(high),
        (closed[0] and not ends[0], closed[1] and not ends[1]),
    )


def _infinite(node: ExpressionNode) -> str:
    if node.op == "∞":
        return "+"
    return "-" if node.op == "neg" and node.args[0].op == "∞" else ""


def _matrix(node: ExpressionNode) -> Matrix:
    rows = tuple(tuple(meaning(item) for item in row.args) for row in node.args)
    if len({len(row) for row in rows}) != 1:
        raise UnsupportedForm("ragged matrix")
    return Matrix(rows)


def _relation(node: ExpressionNode) -> Value:
    signs, sides = node.text, node.args
    if set(signs) <= {"="}:
        return _equation(sides)
    if signs in ("≈",):
        return meaning(sides[1] if _left_name(sides[0]) is not None else sides[0])  # of 22/7 ≈ 3.14 the exact side counts
    if set(signs) == {"=", "≈"} and signs.rstrip("≈").count("≈") == 0:
        return _equation(sides[: signs.index("≈") + 1])  # x = 1/3 ≈ 0.33 is 1/3
    if signs == "∈":
        name = _left_name(sides[0])
        if name is None:
            raise UnsupportedForm("membership of a formula")
        place = meaning(sides[1])
        if isinstance(place, Scalar):  # x in A is not A in x, as x = A is A = x
            raise UnsupportedForm("membership in what is no set")
        return NamedValue(name, place)
    return _inequality(signs, sides)


def _equation(sides: tuple[ExpressionNode, ...]) -> Value:
    """`x = value`, a chain of equal numbers, or an equation in unknowns."""
    name = _left_name(sides[0])
    chained = [symbol_name(side) for side in sides[:-1]]
    if len(sides) > 2 and name is not None and all(chained) and symbol_name(sides[-1]) is None:
        value = meaning(sides[-1])  # x = y = z = 1
        return _list("list", [NamedValue(str(each), value) for each in chained])
    if name is not None:
        if not _holds(sides[1:]):
            raise UnsupportedForm("chain of unequal sides")
        value = meaning(sides[-1])  # x = 6/4 = 1.5 is 1.5, the form that was reached
        if sides[0].op == "bracket" and isinstance(value, Collection) and len(value.items) == len(sides[0].args):
            return Assignments(tuple(str(_simple_name(item)) for item in sides[0].args), value.items)
        return NamedValue(name, value)
    left, right = _scalar(sides[0]), _scalar(sides[-1])
    if left.formula is not None and left.formula.rational() is not None and _holds(sides):
        return _measured(sides[-1])
    if len(sides) > 2:
        raise UnsupportedForm("chain of equations")
    return Relation("=", left, right)


def _holds(sides: tuple[ExpressionNode, ...]) -> bool:
    """True if a chain a = b = c is true as exact arithmetic sees it."""
    values = [_scalar(side).formula for side in sides] if len(sides) > 1 else []
    return all(
        left is not None and right is not None and algebra.equal(left, right) for left, right in itertools.pairwise(values)
    )


def _left_name(node: ExpressionNode) -> str | None:
    """The name that an equation defines: x, x_1, f(x), P(A), Area, (x, y)."""
    name = symbol_name(node)
    if name is not None:
        return None if name in ("pi", "e", "i") else name  # a constant is no unknown
    if node.op == "apply" or (node.op == "*" and symbol_name(node.args[0]) and node.args[1].op == "group"):
        return _simple_name(node)
    if node.op == "bracket":
        names = [_simple_name(item) for item in node.args]
        return f"({','.join(str(n) for n in names)})" if all(names) else None
    if node.op in ("ratio", "/"):
        sizes = [_size_name(item) for item in node.args]
        return (":" if node.op == "ratio" else "/").join(map(str, sizes)) if all(sizes) else None
    return _size_name(node.args[0] if node.op == "abs" else node) if node.op in ("*", "abs") else None


def _simple_name(node: ExpressionNode) -> str | None:
    """x, x_1, f(x), P(3)."""
    if node.op in ("apply", "*") and len(node.args) == 2 and node.args[1].op == "group":
        argument = node.args[1].args[0]
        inner = argument.text if argument.op == "number" else symbol_name(argument)
        return None if inner is None or symbol_name(node.args[0]) is None else f"{symbol_name(node.args[0])}({inner})"
    return symbol_name(node)


def _size_name(node: ExpressionNode) -> str | None:
    """The name of a size in a figure: AB, S_{ABC}, V_1; capitals, for xy is a product of unknowns."""
    if node.op == "group":
        return _size_name(node.args[0])
    name = symbol_name(node)
    if node.op == "*":
        parts = [_size_name(part) for part in node.args]
        name = "".join(map(str, parts)) if all(parts) else None
    return name if name is not None and name[0].isupper() and name[0].isascii() else None


_FLIP = {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}


def _inequality(signs: str, sides: tuple[ExpressionNode, ...]) -> Value:
    if signs == "≠" and _left_name(sides[0]):
        hole = _scalar(sides[1])
        parts = (Interval(None, hole, (False, False)), Interval(hole, None, (False, False)))
        return NamedValue(str(_left_name(sides[0])), Union(parts))
    if not set(signs) <= set(_FLIP):
        raise UnsupportedForm("mixed relations")
    if set(signs) <= {">", "≥"}:
        signs, sides = "".join(_FLIP[sign] for sign in reversed(signs)), tuple(reversed(sides))
    if not set(signs) <= {"<", "≤"} or len(signs) > 2:
        raise UnsupportedForm("mixed inequalities")
    if len(signs) == 2:
        return _between(signs, sides)
    bounded = _bounded_size(signs, sides)
    if bounded is not None:
        return bounded
    name, other = _left_name(sides[0]), _left_name(sides[1])
    if name is not None and other is None:
        return NamedValue(name, Interval(None, _scalar(sides[1]), (False, signs == "≤")))
    if other is not None and name is None:
        return NamedValue(other, Interval(_scalar(sides[0]), None, (signs == "≤", False)))
    return Relation(signs, _scalar(sides[0]), _scalar(sides[1]))


def _bounded_size(sign: str, sides: tuple[ExpressionNode, ...]) -> NamedValue | None:
    """Solutions of |x| < a or |x| > a, as an interval or its complement; None unless a is a plain positive number."""
    inside = sides[0].op == "abs"
    size, bound = sides if inside else sides[::-1]
    name = _left_name(size.args[0]) if size.op == "abs" else None
    high = _scalar(bound) if name is not None else None
    value = high.formula.rational() if high is not None and high.formula is not None else None
    if name is None or value is None or value <= 0:
        return None
    low, closed = _scalar(ExpressionNode("neg", (bound,))), sign == "≤"
    if inside:
        return NamedValue(name, Interval(low, high, (closed, closed)))
    return NamedValue(name, Union((Interval(None, low, (False, closed)), Interval(high, None, (closed, False)))))


def _between(signs: str, sides: tuple[ExpressionNode, ...]) -> Value:
    name = _left_name(sides[1])
    if name is None:
        raise UnsupportedForm("double inequality of a formula")
    return NamedValue(name, _interval(sides[0], sides[2], (signs[0] == "≤", signs[1] == "≤")))


def _is_vector(node: ExpressionNode) -> bool:
    return node.op == "bracket" and node.text == "()"


def _contains(node: ExpressionNode, ops: Iterable[str]) -> bool:
    return any(part.op in ops for part in node.walk())


def _ratio(node: ExpressionNode) -> Value:
    """3:5, or a value behind its label: Maria: 12."""
    label, *rest = node.args
    if label.op == "word" and len(rest) == 1 and rest[0].op != "word":
        return NamedValue(label.text, meaning(rest[0]))
    return Collection("ratio", tuple(meaning(item) for item in node.args))


def _signed(node: ExpressionNode, sign: str) -> ExpressionNode:
    """The tree with every ± read as `sign` and every ∓ as the other."""
    args = tuple(_signed(arg, sign) for arg in node.args)
    if node.op not in ("±", "∓"):
        return ExpressionNode(node.op, args, node.text, node.value)
    read = sign if node.op == "±" else {"+": "-", "-": "+"}[sign]
    if len(args) == 1:
        return args[0] if read == "+" else ExpressionNode("neg", args)
    return ExpressionNode(read, args)


_STRUCTURES: Mapping[str, Callable[[ExpressionNode], Value]] = {
    "list": lambda node: _list("list", [meaning(item) for item in node.args]),
    "either": _either,
    "ratio": _ratio,
    "bracket": _bracket,
    "union": lambda node: Union(tuple(meaning(part) for part in node.args)),
    "relation": _relation,
    "matrix": _matrix,
    "∅": lambda _node: Collection("set", ()),
    "word": lambda node: words(node.text.lower()),
    "…": lambda _node: Words("…"),
    "ℝ": lambda _node: Interval(None, None, (False, False)),
    "∞": lambda _node: Words("∞"),
    "group": lambda node: meaning(node.args[0]),
}
