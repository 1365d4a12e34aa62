"""Names in answers: the symbols of a value, the value under other names, and which names a writer was free to choose.

The argument of a function (f(x) = 2x is f(z) = 2z) and a parameter that the problem does not name (x = kπ is x = nπ) are
free; every other name is the problem's own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import permutations
from typing import Any

from rollmill.pipelines.verify.answers.answer_values import Assignments, NamedValue, Scalar, Value, Words
from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm
from rollmill.pipelines.verify.answers.expressions.formulas import formula
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode

_PARAMETERS = frozenset("cCkKlmnMNtTsSpqrj") | {"lambda", "mu", "ell"}
"""Letters by which writers name an integer, a constant or a parameter of their own."""
_UNKNOWNS = frozenset("xyzuvw")
_CONSTANTS = frozenset(("pi", "e", "i"))
_FUNCTION = re.compile(r"(\w+'*)\(([A-Za-z])\)\Z")
_ARGUMENT = "·"
_MOST_FREE = 3


def symbols(value: Value) -> frozenset[str]:
    """The letters in a value, without constants, and without the name that the whole is given."""
    return frozenset(name for scalar in _scalars(value) for name in _names(scalar.node))


def renamed(value: Value, names: Mapping[str, str]) -> Value:
    """The value with other letters; raises `UnsupportedForm` where exact arithmetic does."""
    changed: Value = _mapped(value, lambda scalar: _renamed_scalar(scalar, names))
    return changed


def with_free_argument(value: Value) -> Value:
    """f(z) = 2z with a mark in place of z, so that the letter of an argument makes no difference."""
    if isinstance(value, NamedValue) and (match := _FUNCTION.match(value.name)) is not None:
        return NamedValue(f"{match[1]}({_ARGUMENT})", renamed(value.value, {match[2]: _ARGUMENT}))
    if isinstance(value, Assignments):
        pairs = [with_free_argument(NamedValue(*pair)) for pair in zip(value.names, value.values, strict=True)]
        named = [pair for pair in pairs if isinstance(pair, NamedValue)]
        return Assignments(tuple(n.name for n in named), tuple(n.value for n in named), value.as_written)
    return value


def graphs(left: str, right: str) -> bool:
    """True for the names y and f(x): the same graph."""
    return any(one == "y" and re.fullmatch(r"[fghFGHu]\(x\)", other) for one, other in ((left, right), (right, left)))


def free_renamings(left: Value, right: Value, taken: frozenset[str]) -> Iterator[dict[str, str]]:
    """Names of the right side for those of the left side that the problem did not give; none if they do not pair up."""
    if any(isinstance(side, Scalar) and side.node.op in ("name", "group") for side in (left, right)):
        return  # a letter alone is what was asked for
    first, second = symbols(left), symbols(right)
    ours, theirs = sorted(first - second), sorted(second - first)
    if len(ours) != len(theirs) or not 1 <= len(ours) <= _MOST_FREE:
        return
    for order in permutations(theirs):
        pairs = dict(zip(ours, order, strict=True))
        if all(_free(one, other, taken) for one, other in pairs.items()):
            yield pairs


def _free(one: str, other: str, taken: frozenset[str]) -> bool:
    if one.lower() == other.lower():
        return True  # c and C
    pair = {one, other}
    return not pair & taken and not _PARAMETERS.isdisjoint(pair) and pair <= _PARAMETERS | _UNKNOWNS


def _names(node: ExpressionNode) -> Iterator[str]:
    return (part.text for part in node.walk() if part.op == "name" and part.text not in _CONSTANTS)


def _renamed_scalar(scalar: Scalar, names: Mapping[str, str]) -> Scalar:
    if names.keys().isdisjoint(_names(scalar.node)):
        return scalar
    node = _renamed_node(scalar.node, names)
    exact = None if scalar.formula is None else formula(node)
    return Scalar(node, exact, scalar.scale, scalar.unit, scalar.slack, scalar.places)


def _renamed_node(node: ExpressionNode, names: Mapping[str, str]) -> ExpressionNode:
    args = tuple(_renamed_node(arg, names) for arg in node.args)
    text = names.get(node.text, node.text) if node.op == "name" else node.text
    return ExpressionNode(node.op, args, text, node.value)


def _scalars(value: Any) -> Iterator[Scalar]:
    """The scalars of a value, of a tuple of values, or of None."""
    if isinstance(value, Scalar):
        yield value
    else:
        for part in value if isinstance(value, tuple) else _parts(value):
            yield from _scalars(part)


def _parts(value: Any) -> Iterator[Any]:
    return (getattr(value, field.name) for field in fields(value)) if is_dataclass(value) else iter(())


def _mapped(value: Any, change: Callable[[Scalar], Scalar]) -> Any:
    """A value, or a tuple of values, with other scalars; names, signs and the like are left as they are."""
    if isinstance(value, Scalar):
        return change(value)
    if isinstance(value, Words):
        raise UnsupportedForm("words have no symbols")
    if isinstance(value, tuple):
        return tuple(_mapped(part, change) for part in value)
    kind: Any = type(value)
    return kind(*(_mapped(part, change) for part in _parts(value))) if is_dataclass(value) else value
