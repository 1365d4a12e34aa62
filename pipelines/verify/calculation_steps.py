"""Calculation steps of a worked solution, in exact arithmetic: `<<16-3=13>>` (GSM8K), on other lines `16 - 3 = 13`.

A step is true when its expression has the stated value; a stated decimal may be the expression's value rounded to its
places. Nothing is evaluated as a program: expressions are numbers, + - * / and parentheses, of bounded length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pipelines.arithmetic import value_of

_ANNOTATED = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,60})>>")
_NUMBER = r"(?:\d[\d,]*+(?:\.\d++)?|\.\d++)"
_STATED = re.compile(rf"\s*+[-−]?\s*+\$?+[-−]?{_NUMBER}")
_TOKEN = re.compile(rf"\s*+({_NUMBER}|[-+*/()%])")
_ARITHMETIC = frozenset("0123456789.,+-−*/x×÷·()%$ \t")
_BULLET = re.compile(r"\s*+[-*•]\s")
_SIGNS = str.maketrans({"−": "-", "×": "*", "x": "*", "X": "*", "÷": "/", "·": "*", "$": " ", "€": " ", "£": " "})
_LONGEST = 200  # characters of an expression
_LINE = 2_000  # characters of a line that are read for equations
_WINDOW = 20_000  # last characters of a text that are read
_FLOAT_PLACES = 12  # decimals from which a stated value is the print of a float, not a rounding
MOST = 200  # steps of a text, and equals signs of a line


@dataclass(frozen=True, slots=True)
class CalculationStep:
    """A calculation: its text, its value (the exact one, where the stated one is true), and whether it is true."""

    text: str
    value: Fraction
    true: bool


def steps_of(text: str) -> list[CalculationStep]:
    """The steps of a text in their order, at most 200."""
    steps: list[CalculationStep] = []
    for left, right in _written(text):
        stated, value = number(right), exact_value(left)
        if stated is not None and value is not None:
            true = _is(value, stated, right)
            steps.append(CalculationStep(f"{left.strip()}={right.strip()}", value if true else stated, true))
        if len(steps) == MOST:
            break
    return steps


def number(text: str) -> Fraction | None:
    """A plain number, thousands separators and a currency sign allowed."""
    plain = text.translate(_SIGNS).replace(",", "").replace(" ", "")
    return Fraction(plain) if re.fullmatch(r"-?(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})", plain) else None


def exact_value(text: str) -> Fraction | None:
    """The exact value of an arithmetic expression; None if it is none, or divides by zero."""
    tokens = tokens_of(text)
    return None if tokens is None else value_of(tokens, signed=True)


def tokens_of(text: str) -> list[str | Fraction] | None:
    """Signs of an expression, and its numbers by their value; None if it is too long or anything else stands in it."""
    plain = text.translate(_SIGNS).strip()
    return _tokens(plain) if len(plain) <= _LONGEST else None


def _written(text: str) -> Iterator[tuple[str, str]]:
    """(expression, stated value) of annotations, and on lines without one of equations."""
    for line in text[-_WINDOW:].split("\n"):
        annotated = _ANNOTATED.findall(line)
        yield from annotated or _equations(line[:_LINE])


def _equations(line: str) -> Iterator[tuple[str, str]]:
    """Sides of each `=`, as far to the left as the text is arithmetic."""
    bullet = _BULLET.match(line)
    begin = bullet.end() if bullet else 0
    for place in [at for at, sign in enumerate(line) if sign == "="][:MOST]:
        stated = _STATED.match(line, place + 1)
        start = place
        while start > begin and place - start < _LONGEST and line[start - 1] in _ARITHMETIC:
            start -= 1
        left = _expression(line[start:place])
        if stated is not None and left is not None:
            yield left, stated[0]


def _expression(text: str) -> str | None:
    """The longest end of a text that is a calculation: a number before it may belong to the sentence."""
    for token in _TOKEN.finditer(text.translate(_SIGNS)):
        end = text[token.start(1) :]
        # From the second character on: a sign at the beginning belongs to its number.
        calculates = any(sign in end.translate(_SIGNS)[1:] for sign in "+-*/%")
        if token[1] not in ("+", "*", "/", ")", "%") and calculates and exact_value(end) is not None:
            return end
    return None


def _is(value: Fraction, stated: Fraction, written: str) -> bool:
    """Equal, or rounded to the places that are written (half away from zero), or a floating-point print (12 places)."""
    places = len(written.strip().rpartition(".")[2]) if "." in written else 0
    if value == stated or not places:
        return value == stated
    if places >= _FLOAT_PLACES:
        return abs(value - stated) <= max(Fraction(1), abs(value)) / 10**10
    scaled = abs(value) * 10**places + Fraction(1, 2)
    rounded = Fraction(scaled.numerator // scaled.denominator, 10**places)
    return stated == (rounded if value >= 0 else -rounded)


def _tokens(text: str) -> list[str | Fraction] | None:
    """Signs, and numbers by their value; None if anything else stands among them."""
    tokens: list[str | Fraction] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None if text[at:].strip() else tokens
        value = number(token[1])
        tokens.append(token[1] if value is None else value)
        at = token.end()
    return tokens
