"""Contract of an executable template: parameters are sampled, rendered to text and solved by code.

Holds the contract, the calculator that writes solution steps, and the notions of solution graph and instance.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from rollmill.ground.ids import digest128

LEVELS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
PHRASINGS = 3
LEAF = "n"
_LONGEST_GRAPH = 160  # characters

# Parameters under these keys are scenery (names of people and things): they never make an instance a new one.
SCENERY = frozenset({"who", "what"})

Params = Mapping[str, Any]
Shape = str | tuple[str, "Shape", "Shape"]


class Value(NamedTuple):
    """A number and how it was computed: LEAF for a given number, else (operation, shape, shape)."""

    number: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Solution:
    """Step lines such as "12 + 7 = 19", the answer, and the shape of the calculation where the template knows it."""

    steps: tuple[str, ...]
    answer: str
    shape: Shape | None = None


class Template(Protocol):
    """A problem family. Each method is a pure function of its arguments; `rng` is the only source of chance.

    `sample` draws the parameters of one instance: a dict of integers, names and lists of them, "level" among them. `render`
    gives the text in one of `phrasings` wordings, `solve` the steps and answer. Other forms: CheckedTemplate,
    TemplateWithConstants.
    """

    name: str
    skill: str
    phrasings: int

    def sample(self, level: int, rng: random.Random) -> Params: ...

    def render(self, params: Params, phrasing: int) -> str: ...

    def solve(self, params: Params) -> Solution: ...


@runtime_checkable
class CheckedTemplate(Protocol):
    """A template that gives the answer again by another way, so that a slip in `solve` shows."""

    def answer_check(self, params: Params) -> str: ...


@runtime_checkable
class TemplateWithConstants(Protocol):
    """A template whose steps use numbers that its text does not state, such as 60 minutes."""

    @property
    def constants(self) -> Iterable[int]: ...


class Calc:
    """Computes with exact integers and writes each binary operation down as a step."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def add(self, a: int | Value, b: int | Value) -> Value:
        """Write the step a + b."""
        return self._step("+", a, b)

    def sub(self, a: int | Value, b: int | Value) -> Value:
        """Write the step a - b."""
        return self._step("-", a, b)

    def mul(self, a: int | Value, b: int | Value) -> Value:
        """Write the step a * b."""
        return self._step("*", a, b)

    def div(self, a: int | Value, b: int | Value) -> Value:
        """Write the step a / b; ArithmeticError unless it is exact."""
        return self._step("/", a, b)

    def mod(self, a: int | Value, b: int | Value) -> Value:
        """Write the step a % b, the remainder."""
        return self._step("%", a, b)

    def apply(self, op: str, a: int | Value, b: int | Value) -> Value:
        """Write the step of a named operation, one of + - * / %."""
        return self._step(op, a, b)

    def total(self, values: Iterable[int | Value]) -> Value:
        """Add the values up from the left; one value costs no step."""
        return self._fold("+", values)

    def product(self, values: Iterable[int | Value]) -> Value:
        """Multiply the values from the left; one value costs no step."""
        return self._fold("*", values)

    def done(self, answer: Value) -> Solution:
        """The finished solution."""
        return Solution(tuple(self.steps), str(answer.number), answer.shape)

    def _fold(self, op: str, values: Iterable[int | Value]) -> Value:
        items = iter(values)
        result = _value(next(items))
        for item in items:
            result = self._step(op, result, item)
        return result

    def _step(self, op: str, a: int | Value, b: int | Value) -> Value:
        left, right = _value(a), _value(b)
        number = compute(op, left.number, right.number)
        self.steps.append(f"{left.number} {op} {right.number} = {number}")
        return Value(number, (op, left.shape, right.shape))


def compute(op: str, a: int, b: int) -> int:
    """Result of an exact integer operation; ArithmeticError when a quotient is not whole."""
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    quotient, rest = divmod(a, b)
    if op == "%":
        return rest
    if rest:
        raise ArithmeticError(f"{a} / {b} is not whole")
    return quotient


def solution_text(solution: Solution) -> str:
    """Text that a model learns to write: one step a line, then `#### answer`."""
    return "\n".join((*solution.steps, f"#### {solution.answer}"))


def canonical_shape(shape: Shape) -> str:
    """Canonical spelling of a shape: sums and products are flattened and sorted, so order of adding makes no new graph.

    A part that several steps use is spelled out at each use; parts longer than 160 characters are written as a hash, since
    Euclid's algorithm would double the text with every step.
    """
    if isinstance(shape, str):
        return shape
    op = shape[0]
    parts = _flat(op, shape) if op in "+*" else [canonical_shape(shape[1]), canonical_shape(shape[2])]
    text = f"{op}({','.join(parts)})"
    return text if len(text) <= _LONGEST_GRAPH else f"#{digest128(text)}"


def solution_graph(solution: Solution) -> str:
    """The canonical shape of a solution's operations, numbers left out; read off the step lines if it was not recorded."""
    shape = solution.shape if solution.shape is not None else _shape_of_lines(solution.steps)
    return canonical_shape(shape)


def instance_key(template: str, params: Params) -> str:
    """Hash of a template and its numbers: the same numbers under other names or wordings are the same instance."""
    return digest128(["instance", template, {key: params[key] for key in params if key not in SCENERY}])


def _value(item: int | Value) -> Value:
    return item if isinstance(item, Value) else Value(item, LEAF)


def _flat(op: str, shape: Shape) -> list[str]:
    parts: list[str] = []
    pending: list[Shape] = [shape]
    while pending:
        item = pending.pop()
        if not isinstance(item, str) and item[0] == op:
            pending.extend(item[1:])
        else:
            parts.append(canonical_shape(item))
    return sorted(parts)


def _shape_of_lines(steps: Iterable[str]) -> Shape:
    """Shapes by tracing each operand to the latest unused result of that value; ambiguous values take that reading."""
    results: list[tuple[str, Shape]] = []
    for line in steps:
        a, op, b, _, result = line.split()
        left, right = (_trace(results, operand) for operand in (a, b))
        results.append((result, (op, left, right)))
    return results[-1][1] if results else LEAF


def _trace(results: list[tuple[str, Shape]], operand: str) -> Shape:
    for index in range(len(results) - 1, -1, -1):
        if results[index][0] == operand:
            return results.pop(index)[1]
    return LEAF
