"""Errors planted into a completion: into its answer, or into the calculation that decides it (operand,
operator, dropped step).

Each candidate is read back and kept only if its exact value differs from the right one, and not by a factor that a policy
on percent or scale words could forgive. The deciding calculation is the last one whose arithmetic is right and whose result
is the answer.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from rollmill.pipelines.edit.planted_answer import PlantedAnswer, rational, several

# percent and dozen read the other way round: a policy may accept these, so they prove nothing
_FORGIVEN = {Fraction(100), Fraction(1, 100), Fraction(12), Fraction(1, 12)}
_PLACES = (2, 1, 0)  # to which a value is rounded
_ROUND = (10, 100, 1_000, 10_000, 100_000)


def digit(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """Answers with one digit replaced."""
    if answer.value is None:
        return []
    written = answer.written
    places = [index for index, letter in enumerate(written) if letter.isdigit()]
    index = rng.choice(places)
    other = rng.choice([str(number) for number in range(10) if str(number) != written[index]])
    return _kept(answer, [("digit", written[:index] + other + written[index + 1 :])])


def sign(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """The answer's negative."""
    del rng
    if answer.value is None:
        return []
    written = answer.written.strip()
    turned = written[1:].lstrip() if written.startswith("-") else f"-{written.removeprefix('+')}"
    return _kept(answer, [("negated", turned)])


def off_by_one(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """Answers larger or smaller by one."""
    if answer.value is None:
        return []
    step = rng.choice((-1, 1))
    return _kept(answer, [(f"{step:+d}", spelled(answer.value + step, answer.written))])


def wrong_rounding(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """Rounded or cut off although the exact value is requested: to fewer places, an integer to tens (hundreds if it is a
    ten).

    A policy that forgives rounding (`lenient`) may accept some of these: its rate for this kind shows what it forgives.
    """
    value = answer.value
    if value is None:
        return []
    if value.denominator == 1:
        # The first unit that does not divide the value: rounding to a smaller one changes nothing.
        unit = next((power for power in _ROUND if value % power), 10)
        return _kept(answer, [(f"to {unit}s", spelled(Fraction(round(value / unit) * unit), answer.written))])
    # Never empty: 0 places change every value that is not whole.
    places = rng.choice([place for place in _PLACES if value * 10**place % 1])
    way = rng.choice((ROUND_HALF_EVEN, ROUND_DOWN))
    return _kept(answer, [(f"to {places} places", as_decimal(value, places, way))])


def swapped_unknowns(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """Two values of a pair, or of named unknowns, in each other's place."""
    parts = answer.parts
    pairs = [(i, j) for i in range(len(parts)) for j in range(i) if parts[i][2] != parts[j][2]]
    if not pairs:
        return []
    i, j = rng.choice(pairs)
    values = [written for _, written, _ in parts]
    values[i], values[j] = values[j], values[i]
    names = [name for name, _, _ in parts]
    if names[0]:
        text = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
    else:
        text = f"({', '.join(values)})"
    changed = [part[::2] for part in several(text)] != [part[::2] for part in parts]
    return [(f"{i} and {j}", answer.replaced(text))] if changed else []


def spelled(value: Fraction, like: str) -> str:
    """A value in the manner of another number: as a decimal if it is one and can be, else as an integer or quotient."""
    if value.denominator == 1:
        return str(value.numerator)
    if "/" not in like and "frac" not in like and terminates(value):
        return as_decimal(value, 60, ROUND_DOWN).rstrip("0")
    minus = "-" if value < 0 else ""
    if "frac" in like:
        return f"{minus}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    return f"{value.numerator}/{value.denominator}"


def terminates(value: Fraction) -> bool:
    """True if the decimal expansion is short and ends."""
    return 10**60 % value.denominator == 0


def as_decimal(value: Fraction, places: int, way: str) -> str:
    """A value to so many decimal places, rounded in the given way of `decimal`."""
    with localcontext() as context:
        # quantize raises where digits and places together exceed the precision.
        context.prec = 400 + places + value.numerator.bit_length() // 3
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return f"{exact.quantize(Decimal(1).scaleb(-places), rounding=way):f}"


def _kept(answer: PlantedAnswer, candidates: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Candidates whose exact value differs from the answer's."""
    assert answer.value is not None
    return [(how, answer.replaced(text)) for how, text in candidates if is_wrong_value(answer.value, rational(text))]


def is_wrong_value(right: Fraction, value: Fraction | None) -> bool:
    """True if a value was read and is wrong, also when read as a percentage or in dozens."""
    if value is None or value == right:
        return False
    # A right value of 0 has no factor.
    return not (right and value / right in _FORGIVEN)


_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CALCULATION = re.compile(
    rf"(?<![\d.,/*+×÷^-])(?P<left>{_NUMBER})\s{{0,3}}(?P<op>[-+*/×÷])\s{{0,3}}(?P<right>{_NUMBER})"
    rf"\s{{0,3}}=\s{{0,3}}(?P<result>{_NUMBER})(?![\d/]|[.,]\d)"
)


@dataclass(frozen=True, slots=True)
class Calculation:
    """Correct calculation `left op right = result` in a text, with its place."""

    match: re.Match[str]
    left: Fraction
    right: Fraction
    result: Fraction


def operand(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """An operand of the deciding calculation misread; its result and the answer follow from it."""
    deciding = _deciding(answer)
    if deciding is None or answer.value is None:
        return []
    side = rng.choice(("left", "right"))
    number = deciding.match[side]
    index = rng.choice([i for i, letter in enumerate(number) if letter.isdigit()])
    # No 0, which could leave a number with fewer digits.
    other = rng.choice([str(d) for d in range(1, 10) if str(d) != number[index]])
    changed = number[:index] + other + number[index + 1 :]
    misread = rational(changed)
    assert misread is not None, changed  # as many digits as the number that was read
    numbers = {"left": deciding.left, "right": deciding.right, side: misread}
    result = _computed(numbers["left"], deciding.match["op"], numbers["right"])
    if result is None or not is_wrong_value(answer.value, result):
        return []
    written = spelled(result, answer.written)
    edits = [(*deciding.match.span(side), changed), (*deciding.match.span("result"), written)]
    return [(f"{number} read as {changed}", _edited(answer, edits, written))]


def operator(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """The sign of the deciding calculation misread; its result, an equally plausible number, and the answer follow."""
    deciding = _deciding(answer)
    if deciding is None or answer.value is None:
        return []
    own = deciding.match["op"]
    # In the text's own spelling: a `*` among `×` would give the error away.
    signs = "+-×÷" if own in "×÷" else "+-*/"
    results = {op: _computed(deciding.left, op, deciding.right) for op in signs if op != own}
    fitting = {op: value for op, value in results.items() if value is not None and _fits(answer.value, value)}
    if not fitting:
        return []
    op = rng.choice(list(fitting))
    written = spelled(fitting[op], answer.written)
    edits = [(*deciding.match.span("op"), op), (*deciding.match.span("result"), written)]
    return [(f"{own} read as {op}", _edited(answer, edits, written))]


def _fits(right: Fraction, value: Fraction) -> bool:
    """True if a result differs and could be that of such a calculation: not negative, two decimals at most."""
    return is_wrong_value(right, value) and value >= 0 and 100 % value.denominator == 0


def dropped_step(answer: PlantedAnswer, rng: random.Random) -> list[tuple[str, str]]:
    """The deciding calculation left out; the answer is the result of the one before it."""
    del rng
    deciding = _deciding(answer)
    if deciding is None or answer.value is None:
        return []
    before = [step for step in _calculations(answer) if step.match.end() <= deciding.match.start()]
    if not before or not is_wrong_value(answer.value, before[-1].result):
        return []
    written = before[-1].match["result"]
    edits = [(*deciding.match.span(), written)]
    return [(f"without {deciding.match[0]}", _edited(answer, edits, written))]


def _calculations(answer: PlantedAnswer) -> list[Calculation]:
    """The right calculations before the answer's place, in order."""
    calculations = []
    for match in _CALCULATION.finditer(answer.text, 0, answer.start):
        left, right, result = (rational(match[name]) for name in ("left", "right", "result"))
        if left is None or right is None or result is None:
            continue  # a number of more digits than are read
        if _computed(left, match["op"], right) == result:
            calculations.append(Calculation(match, left, right, result))
    return calculations


def _deciding(answer: PlantedAnswer) -> Calculation | None:
    giving = [step for step in _calculations(answer) if step.result == answer.value]
    return giving[-1] if giving else None


def _computed(left: Fraction, op: str, right: Fraction) -> Fraction | None:
    if op in "/÷":
        return left / right if right else None
    return {"+": left + right, "-": left - right, "*": left * right, "×": left * right}[op]


def _edited(answer: PlantedAnswer, edits: list[tuple[int, int, str]], written: str) -> str:
    """The text with its answer and, before it, the given places replaced; the last place first, so that none moves."""
    text = answer.replaced(written)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


Variant = tuple[str, str]
"""Short description of an edit, and the whole text of the variant."""

ERRORS: Mapping[str, Callable[[PlantedAnswer, random.Random], list[Variant]]] = {
    "digit": digit,
    "operand": operand,
    "sign": sign,
    "off_by_one": off_by_one,
    "dropped_step": dropped_step,
    "swapped_unknowns": swapped_unknowns,
    "wrong_rounding": wrong_rounding,
    "operator": operator,
}
"""The kinds of errors; each gives one variant, or none if this answer cannot have that error."""
