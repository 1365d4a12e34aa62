"""Ends of sentences: a full stop behind an abbreviation, a title or an initial is none ("St. Paul", "J. K. Rowling").

A full stop ends its sentence all the same where the next word begins one ("the U.S. The"), and then stays with the
abbreviation. A single letter behind "answer" or "option" is the letter of a choice, and no initial.
"""

import re
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words before a name. "No." is missing: what follows it, if it counts something, is a number, and no capital letter.
_TITLES = _words(
    "St Ste Mt Ft Dr Mr Mrs Ms Messrs Mme Mlle Prof Rev Hon Gen Col Lt Capt Cpl Sgt Adm Maj Gov Sen Rep Pres Msgr Fr Sta"
)
_CLOSERS = frozenset(("Jr", "Sr", "Inc", "Ltd", "Corp", "Co", "Bros"))
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]\Z|Ph\.D\Z|[ap]\. m\Z")
_WORD = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*\Z")
_NEXT = re.compile(r"[\s*_]*([^\W\d_]+(?:['’][^\W\d_]+)?)(\.?)")
_OPENERS = _words(
    "The A An This That These Those It Its He She They We You I There Here So Thus Therefore Hence "
    "Because Since As For If In On At By To From With And But Or Not However Also Then Now When While "
    "What Which Who Where Why How Let My Our His Her Their All Both Each Every Some Any One Two After "
    "Before Although Though Note Please Given Using First Second Finally Next Final Answer Is Are Was "
    "Were Can Could Would Should Does Do Did Has Have Had None Option Options Only Other Others Another "
    "Check Hope Explanation Reason Step Thank Thanks Remember Recall"
)
_LETTERED = _words(
    "answer option choice letter alternative plan part case point line vitamin type class is team set "
    "group box bag player person train figure triangle angle circle car bus city town village company "
    "store shop room machine bank door path route statement equation theorem column row table side bottle "
    "jar house school tank container candidate"
)  # what letters number, in place of names


class SentenceEnd(NamedTuple):
    """End of a sentence: from `start` on its mark is left out, and `end` is behind it."""

    start: int
    end: int


def first_end(text: str, ends: re.Pattern[str]) -> SentenceEnd | None:
    """The first of the ends that a pattern finds which is the end of a sentence."""
    for match in ends.finditer(text):
        if match[0] != ".":
            return SentenceEnd(*match.span())
        kind = _kind(text, match.start())
        if kind == "ends":
            return SentenceEnd(*match.span())
        if kind == "keeps":  # the full stop of an abbreviation stays with it
            return SentenceEnd(match.end(), match.end())
    return None


def last_sentence(text: str, starts: re.Pattern[str]) -> str:
    """Text behind the last of the places that a pattern finds where a sentence begins."""
    begin = 0
    for match in starts.finditer(text):
        stop = match.start() - 1
        if text[stop] != "." or _kind(text, stop) != "goes on":
            begin = match.end()
    return text[begin:]


def _kind(text: str, stop: int) -> str:
    """Meaning of a full stop: it `ends` a sentence, ends it and belongs to an abbreviation (`keeps`), or the sentence
    `goes on`.
    """
    before = text[max(0, stop - 24) : stop]
    last_word = _WORD.search(before)
    if last_word is None:
        return "ends"
    word, following = last_word[0], _NEXT.match(text, stop + 1)
    opens = following is None or not following[1][0].isupper() or (following[1] in _OPENERS and not following[2])
    if word in _CLOSERS or _DOTTED.search(before):
        return "keeps" if opens else "goes on"
    if word in _TITLES:
        return "ends" if opens else "goes on"
    if len(word) == 1 and word.isupper() and not opens:
        return "goes on" if _is_initial(before[: last_word.start()], following) else "ends"
    return "ends"


def _is_initial(before: str, following: re.Match[str] | None) -> bool:
    """True if a single capital letter begins or continues a name: a name or an initial is beside it."""
    previous = before.rstrip().rpartition(" ")[2].strip("*_(")
    if following is not None and len(following[1]) == 1 and following[2]:
        return True  # J. K.
    named = previous[:1].isupper() and previous.rstrip(".").isalpha()
    return named and previous.rstrip(".").lower() not in _LETTERED
