"""Units behind a number: their names in English and other languages (`units.toml`), words that change a number or
turn an answer round, and quantities of several units, 2 hours 30 minutes, as one number of the smallest unit of their kind.
"""

import re
import tomllib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

_TABLE = tomllib.loads((Path(__file__).parent / "units.toml").read_text(encoding="utf-8"))
FOREIGN_CHANGING = frozenset(_TABLE["changing"].split())
"""Words that make another number of the number before them, or deny it, so that they are no unit."""
CHANGING = frozenset(_TABLE["english"].split())
"""Words that make another number of the number before them, and that no rule multiplies out."""
SHORT_UNITS, NO_UNITS = frozenset(_TABLE["short"].split()), frozenset(_TABLE["no_units"].split())
_UNITS = {word: name for name, words in _TABLE["names"].items() for word in (name, *words.split())}
_JOINED = {word: name for name, words in _TABLE["joined"].items() for word in words.split()}
_COPULAS = ("입니다", "이에요", "예요", "이다", "です", "である", "だ", "ครับ", "ค่ะ")
_ENDS = " 。．.！!、，*$)）"


@lru_cache(maxsize=4_096)
def joined_unit(text: str) -> str:
    """The name of a unit of a script without spaces, or the word itself if it counts things; "" for any other text."""
    word = text.strip(_ENDS)
    for copula in _COPULAS:
        word = word.removesuffix(copula).rstrip()
    if text.strip(_ENDS) and not word:
        return "counted"
    name = _JOINED.get(word, "")
    return word if name == "counted" else name


_COUNTED = re.compile(
    rf"[*$\s]*(?:{'|'.join(sorted(_JOINED, key=len, reverse=True))})[*$\s]*"
    r"(?![^。]*(?:[倍半多余不%％]|以[上下]|分之|ない|ません|아니|않))"
    rf"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{{0,6}}?(?:{'|'.join(_COPULAS)})?[*$\s。．.!！]*\Z"
)


def without_counted(behind: str) -> str:
    """The text behind a number without its unit and noun, if they are of a script without spaces: **858颗**糖果."""
    return "" if _COUNTED.match(behind) else behind


_JOINED_SCRIPT = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_GREEK = re.compile("[\u0370-\u03ff]")


def is_joined_script(char: str) -> bool:
    """True for a letter of Chinese, Japanese, Korean or Thai, whose units stand right behind a number."""
    return _JOINED_SCRIPT.match(char) is not None


def is_foreign_name(word: str) -> bool:
    """True for a word that may name what a number counts: no lone letter, and no Greek one, which may be a symbol."""
    if word in _UNITS or _JOINED_SCRIPT.match(word):
        return True
    return len(word) > (2 if _GREEK.search(word) else 1) and word[0].isalpha()


_ALONE = frozenset(_TABLE["alone"].split())
_TURNING = _ALONE.union(_TABLE["turning"].split())
# LaTeX writes cm^{2}, and abbreviations end in a full stop (sq. ft.).
_POWERS = str.maketrans({"²": "^2", "³": "^3", "{": None, "}": None, ".": None, "/": " per "})


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


_SIZES = {
    "millisecond": ("millisecond", 1), "second": ("millisecond", 1_000), "minute": ("millisecond", 60_000),
    "hour": ("millisecond", 3_600_000), "day": ("millisecond", 86_400_000), "week": ("millisecond", 604_800_000),
    "millimeter": ("length", 10), "centimeter": ("length", 100), "decimeter": ("length", 1_000),
    "meter": ("length", 10_000), "kilometer": ("length", 10_000_000),
    "inch": ("length", 254), "foot": ("length", 3_048), "yard": ("length", 9_144),
    "mile": ("length", 16_093_440),
    "ounce": ("ounce", 1), "pound": ("ounce", 16), "cent": ("cent", 1), "dollar": ("cent", 100),
    "month": ("month", 1), "year": ("month", 12),
    "milligram": ("milligram", 1), "gram": ("milligram", 1_000), "kilogram": ("milligram", 1_000_000),
    "tonne": ("milligram", 10**9), "milliliter": ("length^3", 10**6), "centiliter": ("length^3", 10**7),
    "deciliter": ("length^3", 10**8), "liter": ("length^3", 10**9),
}  # fmt: skip
_PREFIXES = {"": 0, "m": -3, "k": 3, "M": 6, "G": 9, "µ": -6}
_PREFIXED = re.compile(r"(|m|k|M|G|µ)(Pa|J|W|N|Hz|V|A|Wh|eV|B)")
"""Units that only prefixes convert; a mega is no milli, so capitals count."""
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


@lru_cache(maxsize=4_096)
def kind_of_unit(unit: str) -> tuple[str, int] | None:
    """(smallest unit of its kind, how many of those it is) of a unit; None for one that is not known."""
    return _SIZES.get(known_unit(unit) or "")


@lru_cache(maxsize=4_096)
def size_of_unit(unit: str) -> tuple[str, Fraction] | None:
    """(dimension, size) of a unit, cm^2 and km per hour included: two of one dimension convert into each other."""
    name = known_unit(unit) or unit.strip()
    prefixed = _PREFIXED.fullmatch(name)
    if prefixed is not None:
        return prefixed[2], Fraction(10) ** _PREFIXES[prefixed[1]]
    above, per, below = name.partition(" per ")
    if per:
        first, second = size_of_unit(above), size_of_unit(below)
        return None if first is None or second is None else (f"{first[0]} per {second[0]}", first[1] / second[1])
    power, _, rest = name.partition(" ")
    exponent = {"square": 2, "cubic": 3}.get(power, 1)
    size = _SIZES.get(rest if exponent > 1 else name)
    if size is None:
        return None
    return size[0] if exponent == 1 else f"{size[0]}^{exponent}", Fraction(size[1]) ** exponent


def in_unit(unit: str, base: str) -> int | None:
    """Number of the smallest units `base` in a unit; None for a unit of another kind."""
    size = _SIZES.get(known_unit(unit) or "")
    return size[1] if size is not None and size[0] == base else None
