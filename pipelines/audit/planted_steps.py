"""Errors planted into the work: an operand misread and carried on, and a last step left out. Knows `a op b = c` only.

The calculation that gives the answer is the last one whose result equals it and whose own arithmetic is right.
"""

import random
import re
from dataclasses import dataclass
from fractions import Fraction

from pipelines.audit.planted_answer import Answer, rational
from pipelines.audit.planted_values import is_another, spelled

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CALCULATION = re.compile(
    rf"(?<![\d.,/*+×÷^-])(?P<left>{_NUMBER})\s{{0,3}}(?P<op>[-+*/×÷])\s{{0,3}}(?P<right>{_NUMBER})"
    rf"\s{{0,3}}=\s{{0,3}}(?P<result>{_NUMBER})(?![\d/]|[.,]\d)"
)


@dataclass(frozen=True, slots=True)
class Calculation:
    """One `left op right = result` of a text whose arithmetic is right, with its place."""

    match: re.Match[str]
    left: Fraction
    right: Fraction
    result: Fraction


def operand(answer: Answer, rng: random.Random) -> list[tuple[str, str]]:
    """An operand of the deciding calculation misread; its result and the answer follow from it."""
    deciding = _deciding(answer)
    if deciding is None or answer.value is None:
        return []
    side = rng.choice(("left", "right"))
    number = deciding.match[side]
    index = rng.choice([i for i, letter in enumerate(number) if letter.isdigit()])
    other = rng.choice([str(d) for d in range(1, 10) if str(d) != number[index]])
    changed = number[:index] + other + number[index + 1 :]
    numbers = {"left": deciding.left, "right": deciding.right, side: _value(changed)}
    result = _computed(numbers["left"], deciding.match["op"], numbers["right"])
    if result is None or not is_another(answer.value, result):
        return []
    written = spelled(result, answer.written)
    edits = [(*deciding.match.span(side), changed), (*deciding.match.span("result"), written)]
    return [(f"{number} read as {changed}", _edited(answer, edits, written))]


def dropped_step(answer: Answer, rng: random.Random) -> list[tuple[str, str]]:
    """The deciding calculation left out; the answer is the result of the one before it."""
    del rng
    deciding = _deciding(answer)
    if deciding is None or answer.value is None:
        return []
    before = [one for one in _calculations(answer) if one.match.end() <= deciding.match.start()]
    if not before or not is_another(answer.value, before[-1].result):
        return []
    written = before[-1].match["result"]
    edits = [(*deciding.match.span(), written)]
    return [(f"without {deciding.match[0]}", _edited(answer, edits, written))]


def _calculations(answer: Answer) -> list[Calculation]:
    """The right calculations before the answer's place, in order."""
    found = []
    for match in _CALCULATION.finditer(answer.text, 0, answer.start):
        left, right, result = (_value(match[name]) for name in ("left", "right", "result"))
        if _computed(left, match["op"], right) == result:
            found.append(Calculation(match, left, right, result))
    return found


def _deciding(answer: Answer) -> Calculation | None:
    giving = [one for one in _calculations(answer) if one.result == answer.value]
    return giving[-1] if giving else None


def _value(text: str) -> Fraction:
    value = rational(text)
    assert value is not None, text
    return value


def _computed(left: Fraction, op: str, right: Fraction) -> Fraction | None:
    if op in "/÷":
        return left / right if right else None
    return {"+": left + right, "-": left - right, "*": left * right, "×": left * right}[op]


def _edited(answer: Answer, edits: list[tuple[int, int, str]], written: str) -> str:
    """The text with its answer and, before it, the given places replaced; the last place first, so that none moves."""
    text = answer.replaced(written)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
