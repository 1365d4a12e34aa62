"""Numbers spelled out in words or in Chinese numerals, as digits: "seventeen apples" is "17 apples".

Only a text that is one integer from its first word on; anything else is left unchanged. The words of other languages than
English ("diecisiete", "zweihundertfünf") are those of `numerals.toml`.
"""

import re
import tomllib
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

_FOLDED = str.maketrans("áàâãéèêíìóôõúüñç", "aaaaeeeiiooouunc")
# A text may leave accents out, so patterns allow both letters.
_LETTERS = {chr(accent): f"[{chr(accent)}{chr(letter)}]" for accent, letter in _FOLDED.items()}
_START = 3  # letters
_BLANK = re.compile(r"[\s_-]+")
_WORD_END = re.compile(r"(?![^\W_]|-)")


class NumberWords:
    """The words of a language; `begins`: any of them; `hundreds`: one group for each of 100 to 900."""

    def __init__(self, name: str) -> None:
        words = _table()[name]
        spelled = dict(item.split("=") for item in words["also"].split())
        spelled |= {word: str(value) for value, word in enumerate(words["below"].split())}
        # Articles count as 1 here; `_ends` refuses them before a noun.
        spelled |= dict.fromkeys(words["articles"].split(), "1")
        # Longest first, or `treinta` would match where `treinta y uno` stands.
        below = "|".join(_pattern(word) for word in sorted(spelled, key=len, reverse=True))
        hundreds = words["hundreds"].split()
        scales = ((10**6, words["million"]), (10**3, words["thousand"]))
        self.begins = _any_case("|".join([below, *hundreds, *(pattern for _, pattern in scales)]))
        self.below = _any_case(below)
        self.values = {_folded(word): int(value) for word, value in spelled.items()}
        self.hundreds = _any_case("|".join(f"({pattern})" for pattern in hundreds))
        self.scales = tuple((size, _any_case(pattern)) for size, pattern in scales)
        self.joins = _any_case(words["joins"])
        self.articles = frozenset(words["articles"].split())
        self.goes_on = _any_case(rf"[\s,-]*(?:{words['goes_on']})(?![^\W_])")

    def number(self, text: str) -> tuple[int, int] | None:
        """(value, end) of the number that a text begins with: millions, thousands and the rest, each at most once."""
        total, end, limit = 0, 0, 10**9
        while True:
            start = self._joined(text, end)
            group, stop = self._below_thousand(text, start)
            scale = self._scale(text, self._joined(text, stop) if stop > start else start, limit)
            if scale is None or (stop == start and scale[0] > 1_000):  # "millions" are no number
                total, end = (total + group, stop) if stop > start else (total, end)
                return (total, end) if end and self._ends(text, end) else None
            # Scales must fall: behind thousands come no millions.
            limit, end = scale
            total += limit * (group if stop > start else 1)

    def _joined(self, text: str, end: int) -> int:
        """Begin of the next part of a number, behind what joins it to the part that ends here."""
        match = self.joins.match(text, end) if end else None
        return end if match is None else match.end()

    def _below_thousand(self, text: str, start: int) -> tuple[int, int]:
        """(value, end) of the hundreds, tens and units that begin here; (0, start) without any."""
        value, end = 0, start
        hundreds = self.hundreds.match(text, start)
        if hundreds is not None and hundreds.lastindex is not None:
            value, end = 100 * hundreds.lastindex, hundreds.end()
        rest = self.below.match(text, self._joined(text, end) if value else start)
        if rest is not None:
            value, end = value + self.values[_folded(rest[0])], rest.end()
        return value, end

    def _scale(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        """(value, end) of a word for a million or a thousand that is below `limit`."""
        for size, words in self.scales:
            match = words.match(text, start) if size < limit else None
            if match is not None:
                return size, match.end()
        return None

    def _ends(self, text: str, end: int) -> bool:
        """True if the number is over here, and is no article before a noun."""
        if _WORD_END.match(text, end) is None or self.goes_on.match(text, end):
            return False
        if self.begins.match(text, self._joined(text, end)):
            return False  # dos tres
        return _folded(text[:end]) not in self.articles or not text[end:].strip(" .")


def spelled_number(text: str) -> tuple[int, int] | None:
    """(value, end) of the whole number in words that a text begins with; None if there is none, or if words change it.

    Where two languages have its first word ("mil"), the one counts that reads more of it.
    """
    start = _folded(text[:_START])
    # Two letters for the shortest words: behind `un` the third one is a blank.
    names = [name for name, starts in _starts().items() if start in starts or start[:2] in starts]
    numbers = [words.number(text) for words in map(_words, names) if words.begins.match(text) is not None]
    return max((number for number in numbers if number is not None), key=itemgetter(1), default=None)


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _starts() -> dict[str, frozenset[str]]:
    """Language to the first letters of its words, without accents: no other language is compiled for a text."""
    keys = ("below", "also", "articles", "hundreds", "thousand", "million")
    return {
        name: frozenset(_folded(word[:_START]) for key in keys for word in words[key].replace("|", " ").split())
        for name, words in _table().items()
    }


@lru_cache(maxsize=16)
def _words(name: str) -> NumberWords:
    return NumberWords(name)


def _pattern(word: str) -> str:
    """A word with its blanks, with or without its accents; one with a capital as it is written."""
    pattern = "".join(_LETTERS.get(letter, letter) for letter in _BLANK.sub(" ", word))
    pattern = pattern.replace(" ", r"[\s-]+")
    return pattern if word.islower() else f"(?-i:{pattern})"


def _folded(word: str) -> str:
    return _BLANK.sub(" ", word).lower().translate(_FOLDED)


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern})", re.IGNORECASE)


_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value
    for value, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_TIMES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_WORD = re.compile(r"[A-Za-z]+")
_SPELLED = re.compile(
    rf"(?i)(?:{'|'.join(_WORDS)})(?:(?:[\s-]+|,\s+)(?:and\s+)?(?:{'|'.join([*_WORDS, *_TIMES])}))*(?![A-Za-z-])"
)
_CHINESE = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_NUMERALS = re.compile(rf"[{''.join([*_CHINESE, *_UNITS])}]{{1,40}}")
# "zero point five", "two and a half", "three quarters", 三分之一: the number goes on behind its first words.
_GOES_ON = re.compile(
    r"(?i)[\s-]*(?:(?:point|and|or|to|over|plus|minus|times|half|halves|quarters?"
    r"|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|hundredth|thousandth)s?)(?![a-z])|分之|点|又|半)"
)
_LONGEST = 200


def in_digits(text: str) -> str:
    """The text with the number that it begins with in digits; the text itself where it begins with none."""
    text = text.strip()
    first = _WORD.match(text)
    # A text that is not ASCII may begin with a numeral of another script.
    if len(text) > _LONGEST or (text.isascii() and first is None):
        return text
    spelled = _SPELLED.match(text)
    if spelled is not None:
        value = None if _GOES_ON.match(text, spelled.end()) else _of_words(_WORD.findall(spelled[0].lower()))
        return text if value is None else f"{value}{text[spelled.end() :]}"
    words = spelled_number(text)
    if words is not None:
        return f"{words[0]}{text[words[1] :]}"
    numerals = _NUMERALS.match(text)
    value = None if numerals is None or _GOES_ON.match(text, numerals.end()) else _of_numerals(numerals[0])
    return text if numerals is None or value is None else f"{value}{text[numerals.end() :]}"


def _of_words(words: list[str]) -> int | None:
    """The value of words in their usual order; None for words that are not a single number ("two three")."""
    total, group, last = 0, 0, 10**12
    for word in words:
        if word == "and":
            continue
        if word in _WORDS:
            value = _WORDS[word]
            # Behind hundreds everything below them fits, behind tens only ones: twenty twelve is no number.
            if (value == 0 and len(words) > 1) or not (value < last and (last >= 100 or (last >= 20 and value < 10))):
                return None
            group, last = group + value, value
        elif word == "hundred":
            # Fifteen hundred is a number, two hundred hundred is none.
            if not 0 < group < 100 or last >= 100:
                return None
            group, last = group * 100, 100
        else:
            # Scales must fall: five thousand two million is no number.
            if not group or (total and total % (_TIMES[word] * 1_000)):
                return None
            total, group, last = total + group * _TIMES[word], 0, 10**12
    return total + group


def _of_numerals(signs: str) -> int | None:
    """The value of Chinese numerals; None if two digits are adjacent, as in a year or a telephone number.

    None too for 一百五, which is 150 in speech.
    """
    if len(signs) > 2 and signs[-1] in _CHINESE and _UNITS.get(signs[-2], 0) > 10:
        return None
    total, group, digit = 0, 0, None
    for sign in signs:
        if sign in _CHINESE:
            # A zero only fills a place: 一百零五 is 105.
            if digit:
                return None
            digit = _CHINESE[sign]
        elif _UNITS[sign] < 10**4:
            # A unit without a digit before it counts once: 十二 is 12.
            group += (1 if digit is None else digit) * _UNITS[sign]
            digit = None
        else:
            unit, group = _UNITS[sign], group + (digit or 0)
            # A larger unit multiplies all before it: 一万二千亿 is 12,000 times 10^8.
            if total < unit:
                total = ((total + group) or 1) * unit
            # Behind a unit the next must be smaller, and have a number: 一万万 and 三万五千万 are not read.
            elif not group or total % (unit * 10**4):
                return None
            else:
                total += group * unit
            group, digit = 0, None
    return total + group + (digit or 0)
