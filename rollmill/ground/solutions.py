"""Equality and lines of solutions by their texts. Knows no verdict and no model, and never changes a number.

Two completions are copies of each other when their normal forms are equal: case folded, runs of white space reduced to one
space, and spaces around the operators + * / = < > removed, where a space cannot be part of a number. Spaces beside . , -
and : stay, because `1 .5` and `1.5`, or `3 -2` and `3-2`, need not be the same numbers. Nothing else is normalised: no
digit, no Unicode form.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Message

_LONG = 40  # characters of what is no number that a person wrote; 1e9999999 would take minutes
_OPERATORS = "+*/=<>×÷"


def normal_form(text: str) -> str:
    """The text in the form in which copies are equal."""
    form = " ".join(text.split()).casefold()
    for operator in _OPERATORS:
        if operator in form:
            form = form.replace(f" {operator}", operator).replace(f"{operator} ", operator)
    return form


def solution_key(text: str) -> str:
    """Key of a solution, equal for copies, 32 hex digits."""
    return digest128(["solution", normal_form(text)])


def solution_text(completion: Completion) -> str:
    """The argument of a completion: its separate reasoning, if the model gives one, then its text."""
    return argued(completion.reasoning, completion.text)


def asked(prompt: str | Iterable[Message]) -> str:
    """The text of a prompt without differences in white space: equal for problems that ask the same."""
    return " ".join((prompt if isinstance(prompt, str) else "\n".join(turn.content for turn in prompt)).split())


def plain_reference(reference: str) -> str:
    """A reference without white space and case, a number in its lowest terms: 0.5 and 1/2 are one reference."""
    plain = "".join(reference.lower().split())
    try:
        return str(Fraction(plain.replace(",", ""))) if len(plain) < _LONG else plain
    except (ValueError, ZeroDivisionError):
        return plain


def argued(reasoning: str | None, text: str) -> str:
    """The argument from a reasoning and a text."""
    return f"{reasoning}\n{text}" if reasoning else text


def key_of_completion(completion: Completion) -> str | None:
    """The solution key; None for a text cut off at the token limit, which teaches nothing about endings."""
    return None if completion.finish_reason == "length" else solution_key(solution_text(completion))


class Line(NamedTuple):
    """A line that is not blank: its number from 1, and its offsets."""

    number: int
    start: int
    end: int


def lines_of(text: str) -> list[Line]:
    """The lines of a text that are not blank, for all that scores, labels or exports lines."""
    lines: list[Line] = []
    start = 0
    # Not `splitlines`: a form feed or U+2028 inside a line ends no step of a model that stops at a line break.
    for part in text.split("\n"):
        if part.strip():
            lines.append(Line(len(lines) + 1, start, start + len(part)))
        start += len(part) + 1
    return lines
