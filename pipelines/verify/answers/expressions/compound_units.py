"""Quantities of several units, 2 hours 30 minutes or 5 feet 6 inches, as one number of the smallest unit of their kind."""

import re
from fractions import Fraction

from pipelines.verify.answers.expressions.unit_names import known_unit

_SIZES = {
    "second": ("second", 1), "minute": ("second", 60), "hour": ("second", 3_600), "day": ("second", 86_400),
    "week": ("second", 604_800), "inch": ("inch", 1), "foot": ("inch", 12), "yard": ("inch", 36), "mile": ("inch", 63_360),
    "ounce": ("ounce", 1), "pound": ("ounce", 16), "cent": ("cent", 1), "dollar": ("cent", 100),
    "month": ("month", 1), "year": ("month", 12), "centimeter": ("centimeter", 1), "meter": ("centimeter", 100),
    "gram": ("gram", 1), "kilogram": ("gram", 1_000),
}  # fmt: skip
_LAYOUT = re.compile(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}|\\[,;: ]|~|[$*]")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)\.?(?:\s*,?\s*(?:and\s+)?(?=\d)|\s*\.?\s*\Z)")


def compound(text: str) -> tuple[Fraction, str] | None:
    """(value, unit) of a text that is two or more falling parts of one kind; None for any other text."""
    if len(text) > 200 or not any(map(str.isdigit, text)):
        return None
    text, place, parts = _LAYOUT.sub(lambda match: f" {match[1] or ''} ", text).strip(), 0, []
    while place < len(text):
        part = _PART.match(text, place)
        size = None if part is None else _SIZES.get(known_unit(part[2]) or "")
        if part is None or size is None:
            return None
        parts.append((Fraction(part[1]) * size[1], size))
        place = part.end()
    sizes = [size[1] for _, size in parts]
    if len(parts) < 2 or len({size[0] for _, size in parts}) > 1 or sorted(set(sizes), reverse=True) != sizes:
        return None
    return sum((value for value, _ in parts), Fraction(0)), parts[0][1][0]


def in_unit(unit: str, base: str) -> int | None:
    """How many of the smallest unit `base` a unit has; None for a unit of another kind."""
    size = _SIZES.get(known_unit(unit) or "")
    return size[1] if size is not None and size[0] == base else None
