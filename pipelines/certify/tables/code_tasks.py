"""Small programming tasks and the forms in which a program is given; the programs are in `programs/`. Runs nothing.

A task is tested by literal calls. Every wrong program fails at least one of them, every right one passes all (a test runs
them).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A function to write: its name, signature, what it does, and (arguments, value) pairs."""

    name: str
    signature: str
    doc: str
    calls: tuple[tuple[tuple[Any, ...], Any], ...]

    @property
    def prompt(self) -> str:
        """HumanEval's form: the head of the function with its docstring."""
        return f'{self.signature}\n    """{self.doc}"""\n'

    @property
    def tests(self) -> str:
        """HumanEval's form: `check(candidate)` with one assert a call."""
        lines = [f"    assert candidate(*{args!r}) == {value!r}" for args, value in self.calls]
        return "\n".join(["def check(candidate):", *lines]) + "\n"


TOTAL = CodeTask(
    "total",
    "def total(numbers):",
    "The sum of a list of numbers.",
    ((([1, 2, 3],), 6), (([5],), 5), (([2, 2],), 4), (([10, -3],), 7), (([100, 200, 300],), 600)),
)
TASKS: tuple[CodeTask, ...] = (
    TOTAL,
    CodeTask(
        "unique",
        "def unique(items):",
        "The items without repetition, in the order of their first occurrence.",
        (
            (([1, 2, 1, 3],), [1, 2, 3]),
            (([],), []),
            ((["b", "a", "b"],), ["b", "a"]),
            (([3, 3, 3],), [3]),
            (([2, 1],), [2, 1]),
        ),
    ),
    CodeTask(
        "factorial",
        "def factorial(n):",
        "The product of the integers from 1 to n.",
        (((0,), 1), ((1,), 1), ((5,), 120), ((10,), 3628800), ((25,), 15511210043330985984000000)),
    ),
    CodeTask(
        "is_palindrome",
        "def is_palindrome(text):",
        "Whether a text reads the same in both directions; case counts.",
        ((("abba",), True), (("abc",), False), (("",), True), (("Aa",), False), (("a b a",), True), (("ab a",), False)),
    ),
    CodeTask(
        "mean",
        "def mean(numbers):",
        "The arithmetic mean of a non-empty list.",
        ((([1.0, 2.0],), 1.5), (([2.0],), 2.0), (([0.0, 0.0, 3.0],), 1.0), (([-1.5, 1.0],), -0.25)),
    ),
    CodeTask(
        "count_words",
        "def count_words(text):",
        "How often each word occurs, words separated by white space.",
        ((("a b a",), {"a": 2, "b": 1}), (("",), {}), (("x  x\nx",), {"x": 3}), (("A a",), {"A": 1, "a": 1})),
    ),
    CodeTask(
        "first_even",
        "def first_even(numbers):",
        "The first even number, or None where there is none.",
        ((([1, 4, 6],), 4), (([1, 3],), None), (([],), None), (([0, 2],), 0), (([-2],), -2)),
    ),
)

FORMS: dict[str, str] = {
    "fenced": "```python\n{source}```\n",
    "in prose": "Here is the function you asked for.\n\n```python\n{source}```\n\nIt runs in linear time.",
    "fence without a language": "Sure:\n```\n{source}```",
    "two blocks, the last counts": (
        "First try:\n```python\ndef {name}(*args):\n    return 'no'\n```\nBetter:\n```python\n{source}```\n"
    ),
    "fence left open": "```python\n{source}",
}
"""Prompt for a whole program; `{source}` is the program and `{name}` the function's name."""


BUILT: dict[str, str] = {
    "a nested display": "def total(numbers):\n    return " + "[" * 5_000 + "0" + "]" * 5_000 + "\n",
    "a long source": "def total(numbers):\n    return 0\n" + "x = 1\n" * 200_000,
    "a long expression": "def total(numbers):\n    return " + "1+" * 30_000 + "1\n",
    "nested functions": "".join(" " * i + f"def f{i}():\n" for i in range(150)) + " " * 150 + "pass\n",
    "NUL in the source": "def total(numbers):\n    return 0\x00\n",
    "broken characters in the source": "def total(numbers):\n    return '\ud800'\n",
    "bytes that are no source": "\x7fELF\x02\x01\x01" + "\x00" * 1_000,
    "a million braces": "{" * 1_000_000,
    "a million fences": "```python\n" * 100_000,
    "a megabyte of prose": "Let me think about it. " * 45_000,
    "nothing": "",
    "no program": "I would add the numbers one by one and return what I have.",
}
