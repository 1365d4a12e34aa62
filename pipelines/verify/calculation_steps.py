"""Calculation steps of a worked solution, in exact arithmetic: `<<16-3=13>>` (GSM8K), on other lines `16 - 3 = 13`.

A step is true when its expression has the stated value; a stated decimal may be the expression's value rounded to its
places. A part of an algebraic expression or equation (`4f - 2 + 3 = 0`, `3x - 1 = 2x`, `q(-3) = 16`, `2^3 + 1 = 9`) is no
step. Nothing is evaluated as a program: expressions are numbers, + - * / and parentheses, of bounded length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from rollmill.pipelines.arithmetic import value_of

_ANNOTATED = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,60})>>")
_NUMBER = r"(?:\d[\d,]*+(?:\.\d++)?|\.\d++)"
_STATED = re.compile(rf"\s*+[-−]?\s*+\$?+[-−]?{_NUMBER}")
_TOKEN = re.compile(rf"\s*+({_NUMBER}|[-+*/()%])")
_ARITHMETIC = frozenset("0123456789.,+-−*/x×÷·()%$ \t")
_LATEX = re.compile(r"\\(?:(times|cdot)|(div))(?![A-Za-z])")
_FACTOR = re.compile(r"\s*+[\d(.$]")
"""Follows an `x` that is a times sign; before anything else it is a variable."""
_OPERAND_BEFORE = re.compile(r"(?:[\w)\]}]|\\)$")
_VARIABLE_BEFORE = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]|\d[A-Za-z]*|[)\]}])$")
_GOES_ON = re.compile(
    r"(?![xX]\s*+[\d(.$])[A-Za-z](?![A-Za-z])|[(_]|\s*+(?:\^|\\(?:sqrt|pi|frac|left|log|ln|sin|cos|tan)(?![A-Za-z]))"
)
"""Follows a number that is the beginning of a term: 2x, 2(a + b), 10^3, 3\\sqrt{2}."""
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
    line = _LATEX.sub(lambda found: "*" if found[1] else "/", line)
    bullet = _BULLET.match(line)
    begin = bullet.end() if bullet else 0
    for place in [at for at, sign in enumerate(line) if sign == "="][:MOST]:
        stated = _STATED.match(line, place + 1)
        if stated is None or _GOES_ON.match(line, stated.end()):
            continue
        start = place
        while start > begin and place - start < _LONGEST and _is_arithmetic(line, start - 1):
            start -= 1
        left = _expression(line[start:place])
        if left is None or _is_part(line[begin : place - len(left)], left):
            continue
        # An equation of two expressions states no value; the next one of a chain such as 9 - 13 = 9 - 13 = -4 does.
        again = _next_value(line, place + 1, stated.end())
        if again is None or again != exact_value(left):
            yield left, stated[0]


def _is_arithmetic(line: str, at: int) -> bool:
    """True if the character belongs to a calculation; an x that multiplies does, a variable does not."""
    return line[at] in _ARITHMETIC and (line[at] != "x" or _FACTOR.match(line, at + 1) is not None)


def _is_part(before: str, expression: str) -> bool:
    """True if an expression is the end of a longer one that is not arithmetic."""
    if _OPERAND_BEFORE.search(before):  # a product, a function's argument, a name: 5(-20), q(-3), cost_of_2
        return True
    before = before.rstrip()
    if before.endswith(("+", "*", "/", "×", "÷", "·", "^", "_")):
        return True
    if expression[0] not in "-−":
        return False
    # Behind a variable a minus subtracts. Behind a word it is a sign if it touches its number, else it may be a dash.
    return _VARIABLE_BEFORE.search(before) is not None or (expression[1:2].isspace() and before[-1:].isalpha())


def _next_value(line: str, start: int, stated: int) -> Fraction | None:
    """The value of the expression that begins at `start`, if it goes on behind the stated number."""
    end = start
    while end < len(line) and end - start < _LONGEST and _is_arithmetic(line, end):
        end += 1
    return exact_value(line[start:end].rstrip(" .,")) if line[stated:end].strip(" .,") else None


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
