"""Reads one plain number, exactly: sign, thousands, decimals, fractions, percent, currency and unit. Computes no formula.

A number is a Fraction, never a float. What is not one plain number (a formula, two numbers, prose) is None, and other
readers may try. Units are words after the number; currency is a sign or code around it. Words that change the value
(percent, dozen, thousand, million, billion) are kept in `scale`, so that the equality policy decides what they mean.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_LENGTH = 1_000
MAX_EXPONENT = 400
FLOAT_DIGITS = 15
_DOUBLE_DIGITS = 17
_CHANGED = ("exponent", "power", "bottom", "over")

SCALES = {
    "%": Fraction(1, 100),
    "percent": Fraction(1, 100),
    "dozen": Fraction(12),
    "hundred": Fraction(100),
    "thousand": Fraction(1_000),
    "million": Fraction(10**6),
    "billion": Fraction(10**9),
    "trillion": Fraction(10**12),
}

_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)\Z")
_SPACING = re.compile(r"\\[,!;:> ]|\\q?quad|~|\\left|\\right|\\displaystyle|\s+")
_WRAPPED = re.compile(r"\\(?:text|mbox|textbf|textrm|mathrm|mathbf|mathit|textit|rm|operatorname)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*([-+]?[\d.,]+)\s*\}|(\d))\s*(?:\{\s*([\d.,]+)\s*\}|(\d))")
_DEGREE = re.compile(r"\^?\s*\{?\s*\\circ\s*\}?|\\degree")
_UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+])?\s*(?P<money>[$€£¥₹]|USD|EUR|GBP|Rs\.?)?\s*(?P<sign2>-)?(?P<whole>{_UNSIGNED})"
    r"(?:[eE](?P<exponent>[-+]?\d{1,4})|\s*(?:\*|x)\s*10\s*\^\s*\{?\s*(?P<power>[-+]?\d{1,4})\s*\}?)?"
    rf"(?:\s+(?P<top>\d+)\s*/\s*(?P<bottom>\d+)|\s*/\s*(?P<over>{_UNSIGNED}))?"
    r"(?P<rest>.*)\Z",
    re.DOTALL,
)
_TRANSLATE = str.maketrans({"−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "\u00a0": " ", "\u202f": " ", "％": "%"})
_UNIT_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*\.?(?:\^\{?-?\d\}?|[²³])?\Z")
_SHORT_UNITS = frozenset(
    re.findall(r"\S+", "a m g s h l L cm mm km kg mg ml mL ft in yd mi lb oz hr pm am sq cu J N W V A K C F Hz Pa USD EUR")
)
_NOT_UNITS = frozenset(
    re.findall(
        r"\S+",
        "pi sqrt sin cos tan log ln exp or and to over plus minus times mod not no than root power squared cubed less more "
        "factorial infinity infty half third quarter thirds quarters fourths fifths tenths hundredths cdot e i j n x y z",
    )
)
_MAX_UNIT_WORDS = 5


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written: `value` without its scale word, the scale word ("" for none) and the unit's words.

    `slack` is how far a floating-point print may lie from what it stands for; 0 for every other number.
    """

    value: Fraction
    scale: str = ""
    unit: str = ""
    slack: Fraction = Fraction(0)

    @property
    def scaled(self) -> Fraction:
        """The number the whole says: 50% is 1/2, 3 million is 3000000."""
        return self.value * SCALES[self.scale] if self.scale else self.value


@lru_cache(maxsize=65_536)
def parse_quantity(text: str) -> Quantity | None:
    """The one plain number that a text is, or None. Pure; never raises on model text."""
    text = text.strip()
    if _PLAIN.match(text) and len(text) <= MAX_LENGTH:
        return Quantity(Fraction(text), slack=print_slack(text))
    if not text or len(text) > MAX_LENGTH:
        return None
    text = _simplified(text)
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = _value(match)
    tail = _tail(match["rest"])
    if value is None or tail is None:
        return None
    slack = Fraction(0) if any(match[name] for name in _CHANGED) else print_slack(match["whole"])
    return Quantity(value, tail[0], tail[1], slack)


def _simplified(text: str) -> str:
    """LaTeX wrappers and typographic signs away; fractions in the form a/b; nothing that changes a value."""
    text = text.translate(_TRANSLATE).replace("{,}", ",").replace("\\$", "$").replace("\\%", "%")
    text = text.replace("\\cdot", "*").replace("\\times", "*")
    text = _strip_math(_DEGREE.sub("°", text))
    for _ in range(3):
        new = _WRAPPED.sub(r" \1 ", text)
        if new == text:
            break
        text = new
    text = _FRACTION.sub(_inline_fraction, text)
    text = _SPACING.sub(" ", text).strip().strip("*").strip()
    return text[:-1].rstrip() if text.endswith((".", ",", ";")) else text


def _strip_math(text: str) -> str:
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing):
            return text[len(opening) : -len(closing)].strip()
    return text


def _inline_fraction(match: re.Match[str]) -> str:
    top = (match[1] or match[2]).replace(",", "")
    bottom = (match[3] or match[4]).replace(",", "")
    before = match.string[: match.start()].rstrip()
    return f" {top}/{bottom}" if before and before[-1].isdigit() else f"{top}/{bottom}"


def _value(match: re.Match[str]) -> Fraction | None:
    if match["sign"] and match["sign2"]:
        return None
    value = Fraction(match["whole"].replace(",", "").rstrip("."))
    if match["exponent"] or match["power"]:
        exponent = int(match["exponent"] or match["power"])
        if abs(exponent) > MAX_EXPONENT:
            return None
        value *= Fraction(10) ** exponent
    if match["bottom"]:
        if int(match["bottom"]) == 0 or value.denominator != 1:
            return None
        value += Fraction(int(match["top"]), int(match["bottom"]))
    if match["over"]:
        over = Fraction(match["over"].replace(",", "").rstrip("."))
        if over == 0:
            return None
        value /= over
    return -value if match["sign"] == "-" or match["sign2"] else value


def _tail(rest: str) -> tuple[str, str] | None:
    """(scale, unit) of what follows a number, or None when it is more than that."""
    if not rest:
        return ("", "")
    spaced = rest[0].isspace() or rest[0] in "%°{"
    words = rest.replace("%", " % ").replace("°", " ° ").replace("{", " ").replace("}", " ").replace("/", " per ").split()
    if len(words) > _MAX_UNIT_WORDS or not (spaced or words[0] in _SHORT_UNITS):
        return None
    scale = ""
    if words and words[0].lower() in SCALES:
        scale = "%" if words[0].lower() == "percent" else words[0].lower()
        words = words[1:]
    return (scale, " ".join(words)) if all(map(_is_unit, words)) else None


def _is_unit(word: str) -> bool:
    if word in ("°", "$", "€", "£"):
        return True
    bare = word.rstrip(".").lower()
    if not _UNIT_WORD.match(word) or bare in _NOT_UNITS or bare in SCALES:
        return False
    stem = re.split(r"[\^²³]", word)[0]
    return len(stem) > 2 or stem in _SHORT_UNITS or bare in ("of", "in", "per", "at", "an")


def print_slack(text: str) -> Fraction:
    """How far a decimal of 15 or more significant digits may lie from the number it is a floating-point print of.

    One unit of its last place, or four units of a double's last place where it has no more digits than a double (17); half
    a unit for longer ones. Integers and shorter decimals are exact: 0.
    """
    whole, point, decimals = text.replace(",", "").lstrip("+-").partition(".")
    digits = len((whole + decimals).lstrip("0"))
    if not point or not decimals or digits < FLOAT_DIGITS:
        return Fraction(0)
    unit = Fraction(1, 10 ** len(decimals))
    if digits > _DOUBLE_DIGITS:
        return unit / 2
    return max(unit, Fraction(f"{whole or 0}.{decimals}") / 2**50)
