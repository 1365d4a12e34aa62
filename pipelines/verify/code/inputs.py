"""Inputs for a function, made from the examples in its tests and docstring by seeded changes of values. Runs nothing.

Changes stay within what the examples show: types and nesting; whole numbers no smaller than 0 (or 1) if all examples
are; texts of the characters seen; nothing empty if no example is; lists of equal lengths if all examples have them
equal; sorted lists if all are sorted. A generated input may still break a condition that only the prose states.
"""

import ast
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rollmill.pipelines.verify.code.expected_values import shown
from rollmill.pipelines.verify.code.syntax import parses, written

Args = tuple[Any, ...]
_DOCTEST = ">>> "
_LONGEST = 40  # items: changes make no longer sequence
_TYPICAL: Mapping[str, Any] = {
    "str": "abcdefgh",
    "int": 7,
    "float": 2.5,
    "bool": True,
    "list[int]": [3, 1, 2],
    "List[int]": [3, 1, 2],
}


def examples(entry_point: str, *texts: str) -> list[Args]:
    """The positional arguments of every call of a function with literals, in tests and in doctests; no two alike."""
    arguments: dict[str, Args] = {}
    # HumanEval's `check(candidate)` calls the function by the name of its parameter.
    names = {entry_point, "candidate"}
    for text in texts:
        doctests = [line.strip()[len(_DOCTEST) :] for line in text.split("\n") if line.strip().startswith(_DOCTEST)]
        for part in (text, *doctests):
            for args in _calls(part, names):
                arguments.setdefault(shown(args, 4_000), args)
    return list(arguments.values()) or [args for text in texts for args in _by_signature(entry_point, text)]


def generate_inputs(shown_args: Sequence[Args], count: int, *, seed: int = 0) -> list[Args]:
    """At most `count` inputs other than the examples, a pure function of examples, count and seed."""
    if not shown_args:
        return []
    rng = random.Random(seed)
    # By their text: arguments may hold lists and dicts, which have no hash.
    known = {shown(args, 4_000) for args in shown_args}
    # Calls that leave out optional arguments are shorter: the most frequent length counts.
    arity = max(map(len, shown_args), key=lambda size: sum(len(args) == size for args in shown_args))
    usable = [args for args in shown_args if len(args) == arity]
    places = [_Place.of([args[index] for args in usable]) for index in range(arity)]
    equal = _equal_lengths(usable)
    inputs: list[Args] = []
    for _ in range(count * 8):  # many changes give an input that is known already, and a function may have few
        base = rng.choice(usable)
        args = tuple(
            place.changed(value, rng) if rng.random() < 0.7 else value for place, value in zip(places, base, strict=True)
        )
        key = shown(args, 4_000)
        # Each argument is changed alone, which may break the equal lengths of the examples.
        if key in known or (equal and not _equal_lengths([args])):
            continue
        known.add(key)
        inputs.append(args)
        if len(inputs) == count:
            break
    return inputs


@dataclass(frozen=True, slots=True)
class _Place:
    """Values of one argument in the examples, by type, at any depth."""

    ints: tuple[int, ...] = ()
    floats: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()
    empties: frozenset[str] = frozenset()
    ordered: bool = False
    alphabet: str = field(default="")

    @classmethod
    def of(cls, values: Sequence[Any]) -> "_Place":
        leaves = [leaf for value in values for leaf in _leaves(value)]
        lists = [value for value in values if isinstance(value, list)]
        long = [value for value in lists if len(value) > 1]
        texts = tuple(leaf for leaf in leaves if type(leaf) is str)
        return cls(
            # Not isinstance, which takes True for an int.
            tuple(leaf for leaf in leaves if type(leaf) is int),
            tuple(leaf for leaf in leaves if type(leaf) is float),
            texts,
            frozenset(type(leaf).__name__ for leaf in (*leaves, *_containers(values)) if leaf in ("", [], (), {})),
            len(long) > 1 and all(_is_sorted(value) for value in long),
            "".join(sorted(set("".join(texts)))),
        )

    def changed(self, value: Any, rng: random.Random) -> Any:
        """A value of the same type near this one."""
        # Before int, of which bool is a subclass.
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return self._int(value, rng)
        if isinstance(value, float):
            return self._float(value, rng)
        if isinstance(value, str):
            return "".join(self._sequence(list(value), rng, list(self.alphabet), "str")) if self.alphabet else value
        if isinstance(value, list | tuple):
            items = self._sequence(list(value), rng, None, type(value).__name__)
            sortable = all(type(item) in (int, float) for item in items) or all(type(item) is str for item in items)
            return sorted(items) if self.ordered and isinstance(value, list) and sortable else type(value)(items)
        if isinstance(value, dict):
            return {key: self.changed(item, rng) if rng.random() < 0.5 else item for key, item in value.items()}
        return value

    def _int(self, value: int, rng: random.Random) -> int:
        lowest, highest = min(self.ints), max(self.ints)
        # Bounded: an example of 10**9 would make nearly every such draw as large.
        anywhere = rng.randint(lowest, min(highest, lowest + 1_000) + 10)
        near = rng.choice(
            (value + 1, value - 1, value + rng.randint(-5, 5), rng.choice(self.ints), value * 2, -value, anywhere)
        )
        return max(near, 1) if lowest >= 1 else max(near, 0) if lowest >= 0 else near

    def _float(self, value: float, rng: random.Random) -> float:
        near = rng.choice((value + 1.0, value - 0.5, value * 1.5, rng.choice(self.floats), -value, round(value)))
        return abs(float(near)) if min(self.floats) >= 0 else float(near)

    def _sequence(self, items: list[Any], rng: random.Random, alphabet: list[str] | None, kind: str) -> list[Any]:
        """Apply one or two of: drop, double, swap, replace, insert, shuffle, reverse."""
        for _ in range(rng.choice((1, 1, 2, 3))):
            change = rng.choice(("drop", "double", "swap", "replace", "insert", "shuffle", "reverse"))
            # Every change below needs an item to work on.
            if not items:
                items = [rng.choice(alphabet)] if alphabet else items
            elif change == "drop" and kind != "tuple" and (len(items) > 1 or kind in self.empties):
                # A tuple keeps its length, which is part of its type.
                items.pop(rng.randrange(len(items)))
            elif change in ("double", "insert") and len(items) < _LONGEST and kind != "tuple":
                item = rng.choice(items)
                new = item if change == "double" else rng.choice(alphabet) if alphabet else self.changed(item, rng)
                items.insert(rng.randrange(len(items) + 1), new)
            elif change == "replace":
                at = rng.randrange(len(items))
                items[at] = rng.choice(alphabet) if alphabet else self.changed(items[at], rng)
            elif change == "reverse":
                items.reverse()
            elif change in ("swap", "shuffle"):
                rng.shuffle(items)
        return items


def _calls(text: str, names: set[str]) -> Iterator[Args]:
    tree = parses(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and not node.keywords:
            try:
                yield tuple(ast.literal_eval(argument) for argument in node.args)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue


def _by_signature(entry_point: str, text: str) -> Iterator[Args]:
    """Yield an input by the annotations of a function that no example shows; none if one is missing or unknown."""
    for node in ast.walk(parses(text) or ast.Module([], [])):
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            given = [argument.annotation for argument in node.args.args]
            kinds = [(written(annotation) if annotation else None) or "" for annotation in given]
            if kinds and all(kind in _TYPICAL for kind in kinds):
                yield tuple(_TYPICAL[kind] for kind in kinds)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    else:
        yield value


def _containers(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield value
            yield from _containers(value)


def _is_sorted(items: Sequence[Any]) -> bool:
    try:
        return all(left <= right for left, right in pairwise(items))
    except TypeError:
        return False


def _equal_lengths(calls: Sequence[Args]) -> bool:
    """True if every call has at least two lists or texts, all of one length."""
    for args in calls:
        lengths = [len(value) for value in args if isinstance(value, list | str)]
        if len(lengths) < 2 or len(set(lengths)) > 1:
            return False
    return True
