"""Answers that are not meant exactly: about 42, at least 42, perhaps 42, and 42 only in another case (`inexact.toml`).

The words stand right beside the value. Where the problem asks for a rounded value, or the reference is a decimal of two or
more places, which may be one, "about" is no fault; nor is a bound of which the problem speaks.
"""

import re
import tomllib
from pathlib import Path

_TABLE = {
    name: words.replace("\n", "")
    for name, words in tomllib.loads((Path(__file__).parent / "inexact.toml").read_text(encoding="utf-8")).items()
}
NOT_EXACT = "the answer is given as near, as a bound, as possible or for another case"
_LAYOUT = r"(?:[\s$*_({}\"“«:=+−€£¥-]|\\[(\[$,; ]|\\(?:text|mathrm|mathbf|textbf|[dt]?frac|sqrt)(?![a-z]))*"
_MARKS = ' \t$*_({}"“«:=+−€£¥-\\[,;'


def _before(spaced: str, joined: str) -> re.Pattern[str]:
    """Words right before a value."""
    return re.compile(rf"(?i)(?P<words>(?<![^\W_])(?:{spaced})(?![^\W_])|(?:{joined})){_LAYOUT}\Z")


_NEAR = _before(_TABLE["near"], _TABLE["nearly"])
_BOUND = _before(_TABLE["bounds"], _TABLE["bounds_joined"])
_PERHAPS = _before(_TABLE["perhaps"], _TABLE["perhaps_joined"])
_SIGN = re.compile(
    r"\A[\s$*(]*(?:\\[(\[]\s*)?(?:[A-Za-z]\w?\s*)?(?:≈|≃|≅|\\approx(?![a-z])|\\simeq(?![a-z])|\\sim(?![a-z])|~)"
)
_CLOSED = r"(?:[\s$*)}\]_]|\\[)\]]|\\text\s*\{?)*"
_BEHIND = re.compile(rf"(?i)(?:{_CLOSED}(?:[^\W\d_]+ )?)(?:{_TABLE['behind']})")
_WOULD = re.compile(rf"(?i)(?<![^\W_])(?:{_TABLE['would']})(?![^\W_]){_LAYOUT}\Z")
_CASE = re.compile(rf"(?i){_CLOSED}(?:[^\W\d_]+ )?,?\s*(?:{_TABLE['case']})(?![^\W_])")
_ONLY_IF = re.compile(rf"(?i){_CLOSED},?\s*(?:{_TABLE['only_if']})(?![^\W_])")
_ASKED = re.compile(rf"(?i)(?<![a-z])(?:{_TABLE['asked']})")
_ROUNDED = re.compile(r"\d[.,]\d\d|≈|approx|about")
_NUMERAL = re.compile(r"\d(?:[\d.,]*\d)?")
_REACH = 60
_LAST_WORDS = frozenset(
    re.sub(r"[^\w'-]", "", part)
    for name in ("near", "bounds", "perhaps", "would")
    for part in re.split(r"[|\s)]+", _TABLE[name])
)
"""Every phrase before a value ends with one of these: a quick look, for the patterns are tried on every right answer."""


def is_inexact(text: str, found: tuple[str, str], value: str, asks: tuple[str, str]) -> bool:
    """True if the words beside a value say that it is not meant exactly.

    Args:
        text: the whole text; the words around a box are read in it.
        found: the extracted answer, and the rule that found it.
        value: the part of it that is compared.
        asks: the problem's text and the reference.
    """
    answer, rule = found
    if rule == "boxed":
        box = text.rfind("boxed{" + answer + "}")
        end = box + len("boxed{}") + len(answer)
        if box > 0 and _is_beside(_line_before(text, box - 1), text[end : end + _REACH], asks, boxed=True):
            return True
    if answer.isdigit():
        return False
    numeral = _NUMERAL.search(value)
    if numeral is None:
        return False
    if _SIGN.match(answer) and not _rounds(asks):
        return True
    place = answer.find(numeral[0])
    while place >= 0:
        end = place + len(numeral[0])
        if _is_beside(_line_before(answer, place), answer[end : end + _REACH], asks):
            return True
        place = answer.find(numeral[0], end)
    return False


def _line_before(text: str, end: int) -> str:
    """The characters before a place that stand in its line."""
    before = text[max(0, end - _REACH) : end]
    return before[before.rfind("\n") + 1 :]


def _rounds(asks: tuple[str, str]) -> bool:
    return _ASKED.search(asks[0]) is not None or _ROUNDED.search(asks[1]) is not None


def _is_beside(before: str, behind: str, asks: tuple[str, str], *, boxed: bool = False) -> bool:
    """True if words before or behind a value make it inexact."""
    spoken = bool(behind) and any(map(str.isalpha, behind[:12]))
    if spoken and ((_BEHIND.match(behind) and not _rounds(asks)) or (boxed and _ONLY_IF.match(behind))):
        return True
    tail = before.rstrip(_MARKS)
    if not tail:
        return False
    word = tail[max(tail.rfind(" "), tail.rfind("{"), tail.rfind("(")) + 1 :].strip(".").casefold()
    if tail.isascii() and word not in _LAST_WORDS and not tail.endswith(("frac", "sqrt")):
        return False
    bound = _BOUND.search(before)
    if bound is not None and bound["words"].casefold() not in asks[0].casefold():
        return True
    if _NEAR.search(before) and not _rounds(asks):
        return True
    return bool(_PERHAPS.search(before) or (_WOULD.search(before) and _CASE.match(behind)))
