"""Words behind a number in languages other than English: those that change it, and units with their English names."""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

_TABLE = tomllib.loads((Path(__file__).parent / "foreign_words.toml").read_text(encoding="utf-8"))
FOREIGN_CHANGING = frozenset(_TABLE["changing"].split())
"""Words that make another number of the number before them, or deny it, so that they are no unit."""
FOREIGN_UNITS = {word: name for name, words in _TABLE["spaced"].items() for word in words.split()}
"""Units in other spellings with their English names."""
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
    if word in FOREIGN_UNITS or _JOINED_SCRIPT.match(word):
        return True
    return len(word) > (2 if _GREEK.search(word) else 1) and word[0].isalpha()
