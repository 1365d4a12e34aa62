"""Reads one plain number, exactly: sign, thousands, decimals, fractions, percent, currency and unit. Computes no formula.

A number is a Fraction, never a float. What is not one plain number (a formula, two numbers, prose) is None, and other
readers may try. Units are words after the number; currency is a sign or code around it. Words that change the value
(percent, dozen, thousand, million, billion) are kept in `scale`, so that the equality policy decides their meaning.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from unicodedata import decimal

from rollmill.pipelines.verify.answers.expressions.numerals import in_digits
from rollmill.pipelines.verify.answers.expressions.units import (
    CHANGING,
    FOREIGN_CHANGING,
    NO_UNITS,
    SHORT_UNITS,
    is_foreign_name,
    is_joined_script,
    joined_unit,
)

MAX_LENGTH = 1_000
MAX_EXPONENT = 400  # 1e400 is beyond a double, and about as far as anybody writes a number so
FLOAT_DIGITS = 15  # significant digits from which a decimal is taken for the print of a double
_DOUBLE_DIGITS = 17  # as many as a double can need
NO_SLACK = Fraction(0)
_DIGIT = re.compile(r"\d")
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
    "tenths": Fraction(1, 10),
    "hundredths": Fraction(1, 100),
    "thousandths": Fraction(1, 1_000),
}
_ONE_OF = {
    "tenth": "tenths", "hundredth": "hundredths", "thousandth": "thousandths",
    "percent": "%", "percents": "%", "percentage": "%", "pct": "%",
}  # fmt: skip
_PLURAL = {f"{word}s": word for word in ("dozen", "hundred", "thousand", "million", "billion", "trillion")}
_MONEY = {
    "$": "dollar", "USD": "dollar", "€": "euro", "EUR": "euro", "£": "pound", "GBP": "pound", "¥": "yen",
    "₹": "rupee", "Rs": "rupee", "Rs.": "rupee",
}  # fmt: skip

_PLAIN = re.compile(r"([-+]?)(\d*)(?:\.(\d+))?\Z", re.ASCII)
_SPACING = re.compile(r"\\[,!;:> ]|\\q?quad|~|\\left|\\right|\\displaystyle|\s+")
_WRAPPED = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|up|sl|sc|md|normal)?|mbox|math(?:rm|bf|it|sf|tt)|boldsymbol|bm|rm|bf|it|operatorname|emph"
    r"|u(?:nder)?line)\s*\{([^{}]*)\}"
)
FONT = (
    r"\\(?:bf|it|rm|tt|sf|sl|sc|em|(?:bf|md)series|(?:it|sc|sl|up)shape|(?:rm|sf|tt)family|normalfont)(?![A-Za-z])(?!\s*\{)"
)
"""A command that changes the font of what follows it."""
_FONT = re.compile(FONT + r"|\\(?:math(?:bf|it|sf|tt|rm)|boldsymbol|bm)(?=\s*\d)")
_GROUP = re.compile(r"\{([^{}]*)\}\Z")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*([-+]?[\d.,]+)\s*\}|(\d))\s*(?:\{\s*([\d.,]+)\s*\}|(\d))")
_TIMES = re.compile(r"(?<=[\w})])\s*\\(?:cdot|times)(?![A-Za-z])\s*(?=[\w\\{(])")
# 2:00 pm is 2 pm; 2:30 pm is no plain number
_FULL_HOUR = re.compile(r"\A(\d{1,2}):00(?=\W{0,3}(?:text)?\W{0,2}[ap]\.?m\b)")
_ORDINAL = re.compile(
    r"(?<=\d)\s?\^?\s*\{?\s*(?:\\(?:text|mathrm)\s*\{\s*)?(?:st|nd|rd|th)\b(?:\s*\}){0,2}(?!\s*(?:root|power|of|degree))"
)
_DEGREE = re.compile(r"\^?\s*\{?\s*\\circ\s*\}?|\\degree")
_UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+])?\s*(?P<money>[$€£¥₹]|USD|EUR|GBP|Rs\.?)?\s*(?P<sign2>-)?(?P<whole>{_UNSIGNED})"
    r"(?:[eE](?P<exponent>[-+]?\d{1,4})|\s*(?:\*|x)\s*10\s*\^\s*\{?\s*(?P<power>[-+]?\d{1,4})\s*\}?)?"
    rf"(?:\s+(?P<top>\d+)\s*/\s*(?P<bottom>\d+)|\s*/\s*(?P<over>{_UNSIGNED}))?"
    r"(?P<rest>.*)\Z",
    re.DOTALL,
)
_TRANSLATE = str.maketrans({**dict.fromkeys("−–—‐‑﹣－", "-"), "×": "*", "·": "*", "\u00a0": " ", "\u202f": " ", "％": "%"})
_FRACTION_SIGNS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5", "⅙": "1/6",
    "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_FRACTION_SIGN = re.compile("[" + "".join(_FRACTION_SIGNS) + "]")
COLOR = re.compile(r"\\(?:text)?color\s*\{[^{}]*\}\s*(?:\{([^{}]*)\}(?!\{))?")
_FULL_WIDTH = str.maketrans({0xFF01 + place: chr(0x21 + place) for place in range(94)})
_ODD_DIGITS = re.compile(r"(?:(?![0-9])\d)+")
_SPACED_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
GROUPED = re.compile(r"\s{0,3}\{\s{0,3},\s{0,3}\}\s{0,3}")
_THIN = re.compile(r"(?<=\d)\\[ ,](?=\d{3}(?!\d))|(?<=\d,)\\!\s*(?=\d{3}(?!\d))")
PER_CENT = re.compile(r"\bper\s+cent\b", re.IGNORECASE)
_UNIT_WORD = re.compile(
    r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0dff\u0e30-\u0e4e'’-])*\.?(?:\^\{?-?\d\}?|[²³])?\Z"
)
_SPACED_UNITS = frozenset("aK")  # 17a is a product, 17K are thousands
_MAX_UNIT_WORDS = 5  # more words behind a number are a sentence


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written: `value` without its scale word, the scale word ("" for none) and the unit's words.

    `slack`: largest distance of a floating-point print from its true value; 0 for every other number. `places` counts
    the digits behind the point of a plain decimal; None for other notations (1/2, 2e3).
    """

    value: Fraction
    scale: str = ""
    unit: str = ""
    slack: Fraction = NO_SLACK
    places: int | None = None


@lru_cache(maxsize=65_536)
def parse_quantity(text: str) -> Quantity | None:
    """Plain number of a text, or None. Pure; never raises on model text."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        return None
    plain = _PLAIN.match(text)
    if plain is not None and len(text) > len(plain[1]):
        return _plain(plain)
    if not _DIGIT.search(text) and not _FRACTION_SIGN.search(text):
        text = in_digits(_simplified(text) if "\\" in text else text)
        if not _DIGIT.search(text):
            return None
    if "..." in text or "…" in text:
        return None  # 0.333... is not 0.333
    text = _simplified(text)
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = _value(match)
    tail = _tail(match["rest"])
    if value is None or tail is None:
        return None
    unit = tail[1] or _MONEY.get(match["money"], "")
    if any(match[name] for name in _CHANGED):
        return Quantity(value, tail[0], unit)
    whole = match["whole"]
    return Quantity(value, tail[0], unit, print_slack(whole), len(whole.rstrip(".").partition(".")[2]))


def _plain(match: re.Match[str]) -> Quantity:
    """An integer or a plain decimal, the overwhelming share, without a general parser."""
    sign, whole, decimals = match[1], match[2], match[3]
    if decimals is None:
        value = int(whole)
        return Quantity(Fraction(-value if sign == "-" else value), places=0)
    value = int(whole + decimals)
    slack = print_slack(f"{whole}.{decimals}") if len(whole) + len(decimals) >= FLOAT_DIGITS else NO_SLACK
    return Quantity(Fraction(-value if sign == "-" else value, 10 ** len(decimals)), slack=slack, places=len(decimals))


def _simplified(text: str) -> str:
    """LaTeX wrappers and typographic signs away; fractions in the form a/b; nothing that changes a value."""
    if not text.isascii():
        text = plain_numerals(text).translate(_TRANSLATE)
    if "color" in text:
        text = COLOR.sub(lambda match: match[1] or "", text)
    text = PER_CENT.sub("percent", GROUPED.sub(",", text)).replace("\\$", "$").replace("\\%", "%")
    text = _TIMES.sub("*", _THIN.sub("", text))
    if "st" in text or "nd" in text or "rd" in text or "th" in text:
        text = _ORDINAL.sub("", text)
    text = _FULL_HOUR.sub(r"\1 ", _strip_math(_DEGREE.sub("°", text)))
    for _ in range(3):
        new = _WRAPPED.sub(r" \1 ", text)
        if new == text:
            break
        text = new
    if "\\" in text:
        text = _FONT.sub(" ", text)
    text = _FRACTION.sub(_inline_fraction, text)
    if text.startswith("{"):
        text = _GROUP.sub(r"\1", text)
    text = _SPACING.sub(" ", text).strip().strip("*").strip()
    return text[:-1].rstrip() if text.endswith((".", ",", ";")) else text


def plain_numerals(text: str) -> str:
    """ASCII digits for those of other scripts, fractions of one sign written out, thousands without narrow spaces."""
    text = _SPACED_THOUSANDS.sub("", _ODD_DIGITS.sub(_ascii_digits, text.translate(_FULL_WIDTH)))
    if not _FRACTION_SIGN.search(text):
        return text
    return _FRACTION_SIGN.sub(lambda match: f" {_FRACTION_SIGNS[match[0]]} ", text).strip()


def _ascii_digits(match: re.Match[str]) -> str:
    return "".join(str(decimal(digit)) for digit in match[0])


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
    """(scale, unit) of the text after a number, or None if it contains more."""
    if not rest:
        return ("", "")
    if not rest.isascii():
        rest = _beyond_english(rest)
    spaced = rest[0].isspace() or rest[0] in "%°{"
    words = rest.replace("%", " % ").replace("°", " ° ").replace("{", " ").replace("}", " ").replace("/", " per ").split()
    if len(words) > _MAX_UNIT_WORDS or not (spaced or (words and words[0] in SHORT_UNITS - _SPACED_UNITS)):
        return None
    scale = ""
    if words == ["a"]:
        return None
    if words and scale_word(words[0]):
        scale = scale_word(words[0])
        words = words[1:]
    return (scale, " ".join(words)) if all(map(_is_unit, words)) else None


def _beyond_english(rest: str) -> str:
    """The words behind a number with a unit of a script without spaces by its English name, set off by a space."""
    first = next((char for char in rest if char.isalpha()), "")
    if not first or not is_joined_script(first):
        return rest
    name = joined_unit(rest.strip(" {}\\"))
    return f" {name}" if name else "!"  # what is not in the table may change the number


def scale_word(word: str) -> str:
    """The canonical scale word that a word is (percent is %, dozens is dozen), or nothing."""
    low = word.lower()
    low = _ONE_OF.get(low, _PLURAL.get(low, low))
    return low if low in SCALES else ""


def _is_unit(word: str) -> bool:
    if word in ("°", "$", "€", "£"):
        return True
    bare = word.rstrip(".").lower()
    parts = {bare, *bare.split("-")}
    if not _UNIT_WORD.match(word) or parts & NO_UNITS or parts & CHANGING or any(map(scale_word, parts)):
        return False
    if not FOREIGN_CHANGING.isdisjoint(parts):
        return False
    stem = re.split(r"[\^²³]", word)[0]
    if not stem.isascii():
        return is_foreign_name(stem)
    return len(stem) > 2 or stem in SHORT_UNITS or bare in ("of", "in", "per", "at", "an")


def print_slack(text: str) -> Fraction:
    """Largest distance of a decimal of 15 or more significant digits from the number whose floating-point print it is.

    One unit of its last place, or four units of a double's last place if it has no more digits than a double (17); half
    a unit for longer ones. Integers and shorter decimals are exact: 0.
    """
    whole, point, decimals = text.replace(",", "").lstrip("+-").partition(".")
    digits = len((whole + decimals).lstrip("0"))
    if not point or not decimals or digits < FLOAT_DIGITS:
        return NO_SLACK
    unit = Fraction(1, 10 ** len(decimals))
    if digits > _DOUBLE_DIGITS:
        return unit / 2
    return max(unit, Fraction(f"{whole or 0}.{decimals}") / 2**50)
