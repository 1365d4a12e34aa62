"""Units behind a number: their canonical names, and words that turn an answer round. Converts nothing."""

import re
from functools import lru_cache

from pipelines.verify.answers.expressions.foreign_words import FOREIGN_UNITS

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
    "yen": "¥ jpy",
    "rupee": "rupees ₹ inr",
}
_UNITS = {**FOREIGN_UNITS, **{alias: unit for unit, aliases in _UNIT_NAMES.items() for alias in (unit, *aliases.split())}}
# Words that one side may leave out: a bare 5 may mean a profit of 5, but not a loss of 5.
_ALONE = frozenset(
    re.findall(
        r"\S+", "profit gain increase increased above ahead am pm north east left right up down clockwise noon midnight"
    )
)
_TURNING = _ALONE.union(
    re.findall(r"\S+", "loss decrease decreased below fewer behind ago owed debt south west counterclockwise")
)
# LaTeX writes cm^{2}, and abbreviations end in a full stop (sq. ft.).
_POWERS = str.maketrans({"²": "^2", "³": "^3", "{": None, "}": None, ".": None})


def same_unit(left: str, right: str) -> bool:
    """False if both sides name a known unit and the units differ, or if one side says the opposite of the other."""
    if left == right:
        return True
    if not same_sense(left, right):
        return False
    # A direction was compared above and is no part of a unit: `3 km north` is a length.
    units = known_unit(_without_turns(left)), known_unit(_without_turns(right))
    # Unknown words mostly name what is counted, such as apples, and prove no difference.
    return None in units or units[0] == units[1]


@lru_cache(maxsize=16_384)
def same_sense(left: str, right: str) -> bool:
    """Words such as loss, below, south, pm turn an answer round: neither side may have one that the other has not."""
    first, second = set(turning_words(left)), set(turning_words(right))
    return first == second or (not first and second <= _ALONE) or (not second and first <= _ALONE)


def _without_turns(words: str) -> str:
    return " ".join(word for word in words.split() if word.lower().strip(".") not in _TURNING)


@lru_cache(maxsize=16_384)
def turning_words(words: str) -> tuple[str, ...]:
    """The words in a unit that turn an answer round, sorted."""
    return tuple(sorted(_TURNING & set(words.lower().replace(".", "").split())))


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
        # `cm^2` gets the name of `square cm`.
        prefix = {"2": ["square"], "3": ["cubic"]}.get(power, [f"^{power}"] if power else [])
        names += [*prefix, unit]
    return " ".join(names) or None
