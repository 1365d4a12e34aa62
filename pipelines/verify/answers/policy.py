"""The equality policy: what counts as the same answer where mathematicians and graders differ. Knows no parser.

Explicit, part of every verifier's version, and decided by what the problem asks where notation alone cannot tell:
- percent (and dozen, thousand, million ...): 50% is 1/2; it also equals 50 where the problem asks in percent or the
  reference is written with the sign. 1/2 never equals 1/2%.
- units: a unit behind the answer is dropped; where both sides name a unit we know, they must be the same unit.
- order: (a, b) is ordered, {a, b} is not; a bare list a, b is ordered unless the problem asks for roots, all values.
- intervals: brackets are part of the answer; (1, 2) never equals [1, 2], {1, 2} or 1, 2.
- decimals: exact. 0.333 is not 1/3. A decimal of 15 or more significant digits is a floating-point print and
  equals what it prints to its last places; an integer is always exact.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from pipelines.verify.answers.quantity import SCALES, Quantity

POLICY = "percent.asked-units.known-order.asked-brackets.kept-decimals.exact"
"""The policy as it stands in a verifier's version; change it with any rule above."""

_ORDERED = re.compile(
    r"(?i)\b(?:sort|order|arrange|ascending|descending|increasing|decreasing|respectively|ordered|coordinates?|point)\b"
)
_UNORDERED = re.compile(
    r"(?i)\b(?:solutions|roots|zeros|zeroes|separated by commas|prime factors|all (?:the )?(?:possible )?"
    r"(?:real |integer |complex |positive )?(?:values|numbers|integers|primes|divisors|factors|pairs|functions))\b"
)
_SCALE_ASKED = re.compile(r"(?i)%|\b(percent(?:age)?|dozens?|hundreds?|thousands?|millions?|billions?|trillions?)\b")

_UNIT_NAMES = {
    "meter": "m metre metres meters",
    "centimeter": "cm centimeters centimetre centimetres",
    "millimeter": "mm millimeters millimetre millimetres",
    "kilometer": "km kilometers kilometre kilometres",
    "gram": "g grams",
    "kilogram": "kg kilograms kilos",
    "milligram": "mg milligrams",
    "liter": "l liters litre litres",
    "milliliter": "ml milliliters millilitre millilitres",
    "second": "s sec secs seconds",
    "minute": "min mins minutes",
    "hour": "h hr hrs hours",
    "day": "days",
    "week": "weeks",
    "month": "months",
    "year": "years",
    "inch": "in inches",
    "foot": "ft feet",
    "yard": "yd yards",
    "mile": "mi miles",
    "pound": "lb lbs pounds",
    "ounce": "oz ounces",
    "degree": "° degrees",
    "radian": "rad radians",
    "cent": "cents",
    "dollar": "dollars $ usd bucks",
    "euro": "euros € eur",
}
_UNITS = {alias: unit for unit, aliases in _UNIT_NAMES.items() for alias in (unit, *aliases.split())}
_ALONE = frozenset(
    re.findall(r"\S+", "profit gain increase increased above ahead am pm north east left right up down clockwise")
)
_TURNING = _ALONE.union(
    re.findall(r"\S+", "loss decrease decreased below fewer behind ago owed debt south west counterclockwise")
)
_POWERS = str.maketrans({"²": "^2", "³": "^3", "{": None, "}": None, ".": None})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the problem's text says of the form of its answer."""

    scales: frozenset[str]
    unordered: bool


@lru_cache(maxsize=16_384)
def asked(prompt: str) -> Asked:
    """What a problem asks for, read from the words of its prompt."""
    found = (match[0].lower() for match in _SCALE_ASKED.finditer(prompt))
    scales = frozenset("%" if word[0] in "%p" else word.rstrip("s") for word in found)
    return Asked(scales, bool(_UNORDERED.search(prompt)) and not _ORDERED.search(prompt))


def same_quantity(reference: Quantity, answer: Quantity, asks: Asked) -> bool:
    """Whether two plain numbers are the same answer under the policy."""
    if not same_unit(reference.unit, answer.unit):
        return False
    return any(same_number(left, right, answer.slack) for left, right in _readings(reference, answer, asks))


def same_number(reference: Fraction, answer: Fraction, slack: Fraction) -> bool:
    """Exact equality, or within the slack of a floating-point print."""
    return reference == answer or (slack > 0 and abs(answer - reference) <= slack)


def same_unit(reference: str, answer: str) -> bool:
    """False where both sides name a known unit and the units differ, or where one side says the opposite of the other."""
    if reference == answer:
        return True
    if not _same_sense(reference, answer):
        return False
    left, right = known_unit(reference), known_unit(answer)
    return left is None or right is None or left == right


def _same_sense(reference: str, answer: str) -> bool:
    """Words such as loss, below, south, pm turn an answer round: neither side may have one that the other has not."""
    left, right = (_TURNING & set(words.lower().replace(".", "").split()) for words in (reference, answer))
    return left == right or (not left and right <= _ALONE) or (not right and left <= _ALONE)


@lru_cache(maxsize=16_384)
def known_unit(words: str) -> str | None:
    """The canonical name of a unit such as `cm^2` or `square feet`; None when any part is unknown."""
    names: list[str] = []
    for word in words.translate(_POWERS).split():
        stem, _, power = word.partition("^")
        low = stem.lower()
        if low in ("square", "sq", "cubic", "cu", "per"):
            names.append({"sq": "square", "cu": "cubic"}.get(low, low))
            continue
        unit = _UNITS.get(stem) or _UNITS.get(low)
        if unit is None:
            return None
        prefix = {"2": ["square"], "3": ["cubic"]}.get(power, [f"^{power}"] if power else [])
        names += [*prefix, unit]
    return " ".join(names) or None


def _readings(reference: Quantity, answer: Quantity, asks: Asked) -> list[tuple[Fraction, Fraction]]:
    """The pairs of numbers of which one must be equal."""
    if reference.scale == answer.scale:
        return [(reference.value, answer.value)]
    pairs = [(reference.scaled, answer.scaled)]
    if not answer.scale or (not reference.scale and answer.scale in asks.scales):
        pairs.append((reference.value, answer.value))
    return pairs


assert set(SCALES) >= {"%", "dozen"}
