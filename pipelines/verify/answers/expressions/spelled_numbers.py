"""Numbers spelled out in other languages than English ("diecisiete", "zweihundertfünf"), by `spelled_numbers.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

_FOLDED = str.maketrans("áàâãéèêíìóôõúüñç", "aaaaeeeiiooouunc")
# A text may leave accents out, so patterns allow both letters.
_LETTERS = {chr(accent): f"[{chr(accent)}{chr(letter)}]" for accent, letter in _FOLDED.items()}
_START = 3  # letters
_BLANK = re.compile(r"[\s_-]+")
_WORD_END = re.compile(r"(?![^\W_]|-)")


@dataclass(frozen=True, slots=True)
class NumberWords:
    """The words of a language; `begins`: any of them."""

    begins: re.Pattern[str]
    below: re.Pattern[str]
    values: dict[str, int]
    hundreds: re.Pattern[str]
    """One group for each of 100 to 900."""
    scales: tuple[tuple[int, re.Pattern[str]], ...]
    joins: re.Pattern[str]
    articles: frozenset[str]
    goes_on: re.Pattern[str]

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
    words = _table()[name]
    spelled = dict(item.split("=") for item in words["also"].split())
    spelled |= {word: str(value) for value, word in enumerate(words["below"].split())}
    # Articles count as 1 here; `_ends` refuses them before a noun.
    spelled |= dict.fromkeys(words["articles"].split(), "1")
    # Longest first, or `treinta` would match where `treinta y uno` stands.
    below = "|".join(_pattern(word) for word in sorted(spelled, key=len, reverse=True))
    hundreds = words["hundreds"].split()
    scales = ((10**6, words["million"]), (10**3, words["thousand"]))
    begins = "|".join([below, *hundreds, *(pattern for _, pattern in scales)])
    return NumberWords(
        _any_case(begins),
        _any_case(below),
        {_folded(word): int(value) for word, value in spelled.items()},
        _any_case("|".join(f"({pattern})" for pattern in hundreds)),
        tuple((size, _any_case(pattern)) for size, pattern in scales),
        _any_case(words["joins"]),
        frozenset(words["articles"].split()),
        _any_case(rf"[\s,-]*(?:{words['goes_on']})(?![^\W_])"),
    )


def _pattern(word: str) -> str:
    """A word with its blanks, with or without its accents; one with a capital as it is written."""
    pattern = "".join(_LETTERS.get(letter, letter) for letter in _BLANK.sub(" ", word))
    pattern = pattern.replace(" ", r"[\s-]+")
    return pattern if word.islower() else f"(?-i:{pattern})"


def _folded(word: str) -> str:
    return _BLANK.sub(" ", word).lower().translate(_FOLDED)


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern})", re.IGNORECASE)
