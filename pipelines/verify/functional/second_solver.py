"""The answer to a variant of a problem from the calculations of the problem's worked solution, by exact arithmetic.

A variant is the same text with other numbers. Each operand of the solution is an earlier result or a number of the text; it
is replaced by the new result or the variant's number at that place. Where an operand could be either, or two equal numbers
of the text became different ones, nothing is said.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from pipelines.arithmetic import value_of
from pipelines.verify.calculation_steps import steps_of, tokens_of

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})++(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\w)\.\d+")
_DIGITS, _BITS = 300, 10_000
"""Digits of a number of the texts, and bits of a result: nobody means more, and Python writes no more than 4,300 digits."""


def answer_elsewhere(prompt: str, solution: str, variant: str) -> Fraction | None:
    """The variant's answer by the solution's steps; None if they cannot be carried over."""
    numbers = new_numbers(prompt, variant)
    steps = steps_of(solution)
    # A false step is misread or wrong, and tells nothing about other numbers.
    if numbers is None or not steps or not all(step.true for step in steps):
        return None
    before: list[Fraction] = []
    after: list[Fraction] = []
    for step in steps:
        tokens = tokens_of(step.text.partition("=")[0])
        value = None if tokens is None else _carried(tokens, numbers, before, after)
        if value is None or max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
            return None
        # One entry of each list for a step, so a result is replaced by the new one of the same step.
        before.append(step.value)
        after.append(value)
    return after[-1]


def new_numbers(prompt: str, variant: str) -> dict[Fraction, Fraction] | None:
    """The variant's number for each number of the text; None if the texts differ in more than numbers."""
    # Line breaks and spaces may differ; words may not.
    if _NUMBER.split(" ".join(prompt.split())) != _NUMBER.split(" ".join(variant.split())):
        return None
    numbers: dict[Fraction, Fraction] = {}
    for old, new in zip(_NUMBER.findall(prompt), _NUMBER.findall(variant), strict=True):
        if max(len(old), len(new)) > _DIGITS:
            return None
        number, other = Fraction(old.replace(",", "")), Fraction(new.replace(",", ""))
        if numbers.setdefault(number, other) != other:
            return None
    return numbers


def _carried(
    tokens: Sequence[str | Fraction],
    numbers: Mapping[Fraction, Fraction],
    before: Sequence[Fraction],
    after: Sequence[Fraction],
) -> Fraction | None:
    """Value of an expression with its numbers replaced."""
    values: list[str | Fraction] = []
    for token in tokens:
        if isinstance(token, str):
            values.append(token)
            continue
        results = {after[at] for at, result in enumerate(before) if result == token}
        options = results | ({numbers[token]} if token in numbers else set())
        if len(options) > 1:
            return None
        # A number of neither kind belongs to the method, such as the 60 minutes of an hour.
        values.append(options.pop() if options else token)
    return value_of(values, signed=True)
