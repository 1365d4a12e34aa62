"""AnswerPlace of a verdict's answer in the text that was judged: from where to where the extracted answer was read.

Verdicts store the answer and the rule, not its place. A rule that finds answers behind a mark (a box, `####`, "the answer
is", the last line) says where to look; for every other rule only an answer that occurs once in the text has a place.
The text may contain characters that extraction drops: white space, dollars, asterisks, calculator notes, doubled
backslashes. Without a match there is no place; none is guessed.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rollmill.ground.records import Completion

WINDOW = 20_000
"""Characters at the end of a text in which marks are looked for, as extraction does."""
LONGEST = 200_000  # characters of a text that is searched at all
_MOST_MARKS = 40  # of one kind that are looked at, from the last
_THOUGHT_END = "</think>"
_DROPPED = re.compile(r"<<[^<>\n]{0,200}>>|~~[^~\n]{1,300}~~|\\(?=\\)|\\[()\[\],;:! ]|[\s$*\u200b]+")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_PHRASE = re.compile(r"(?i)\banswers?\b|(?:\A|\n)[ \t]*A[ \t]*:")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_DISPLAYS = {"\\]": "\\[", "$$": "$$", "\\)": "\\("}


class AnswerPlace(NamedTuple):
    """Characters `start` up to `end` of a text."""

    start: int
    end: int


def judged_turn(completion: Completion) -> int | None:
    """Index of the turn that is judged, the last one; None for a completion without turns, whose text is judged."""
    return len(completion.messages) - 1 if completion.messages else None


def judged_text(completion: Completion) -> str:
    """The text that is judged: the last turn of a conversation, else the completion's text."""
    turn = judged_turn(completion)
    return completion.text if turn is None or completion.messages is None else completion.messages[turn].content


def answer_place(text: str, extracted: str | None, rule: str) -> AnswerPlace | None:
    """The place of `extracted`, an answer by this rule of a verifier, in the judged text; None if that is not known."""
    if extracted is None or not extracted.strip() or len(text) > LONGEST:
        return None
    begin = text.rfind(_THOUGHT_END) + len(_THOUGHT_END) if _THOUGHT_END in text else 0
    windows = _WINDOWS.get(rule.partition(":")[0], _nowhere)
    for start, end in windows(text, max(begin, len(text) - WINDOW)):
        if places := _occurrences(text, extracted, start, end):
            whole = not _DROPPED.sub("", text[start : places[0].start])
            return places[0] if whole else places[-1]
    # Of a rule that is not known here, or a mark in another language.
    only = [] if windows in (_in_boxes, _last_line) else _occurrences(text, extracted, begin, len(text))
    return only[0] if len(only) == 1 else None


def _occurrences(text: str, answer: str, start: int, end: int) -> list[AnswerPlace]:
    """Every place of an answer in a part of a text, with any dropped characters between its own."""
    wanted = _DROPPED.sub("", answer)
    kept: list[str] = []
    indices: list[int] = []
    position = start
    for gap in (*_DROPPED.finditer(text, start, end), None):
        stop = end if gap is None else gap.start()
        kept.append(text[position:stop])
        indices.extend(range(position, stop))
        position = stop if gap is None else gap.end()
    line, places, at = "".join(kept), list[AnswerPlace](), -1
    while wanted and (at := line.find(wanted, at + 1)) >= 0:
        place = AnswerPlace(indices[at], indices[at + len(wanted) - 1] + 1)
        if not (_continues(text[place.start - 1 : place.start + 1]) or _continues(text[place.end - 1 : place.end + 2])):
            places.append(place)
    return places


def _continues(around: str) -> bool:
    """True if two characters of one word or number meet, or a number continues after its point or comma."""
    if len(around) < 2:
        return False
    if around[0].isdigit() and around[1] in ".,":
        return around[2:3].isdigit()
    letters = around[:2].isascii() and around[:2].isalpha()  # other scripts write words without blanks
    return letters or (around[0].isdigit() and around[1].isdigit())


Windows = Callable[[str, int], Iterator[tuple[int, int]]]


def _behind_hashes(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The rest of each line behind `####`, the last one first."""
    at = len(text)
    for _ in range(_MOST_MARKS):
        at = text.rfind("####", begin, at)
        if at < 0:
            return
        yield at + 4, _line_end(text, at)


def _in_boxes(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The inside of each box, the last one first."""
    for box in list(_BOX.finditer(text, begin))[: -_MOST_MARKS - 1 : -1]:
        depth = 1
        for brace in _BRACES.finditer(text, box.end()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if not depth:
                yield box.end(), brace.start()
                break


def _in_tags(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The inside of each `<answer>`, the last one first."""
    at = len(text)
    for _ in range(_MOST_MARKS):
        end = text.rfind("</answer>", begin, at)
        at = text.rfind("<answer>", begin, end) if end >= 0 else -1
        if at < 0:
            return
        yield at + len("<answer>"), end


def _behind_phrases(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The rest of each line behind "answer" or "A:", the last one first; the next paragraph where that rest is empty."""
    for mark in list(_PHRASE.finditer(text, begin))[: -_MOST_MARKS - 1 : -1]:
        end = _line_end(text, mark.end())
        if not text[mark.end() : end].strip(" \t:*$[\\(is"):
            end = text.find("\n\n", end + 1)
        yield mark.end(), len(text) if end < 0 else end


def _last_line(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """The last line, or the displayed formula that it closes."""
    end = len(text.rstrip())
    start = max(text.rfind("\n", 0, end) + 1, begin)
    opening = _DISPLAYS.get(text[start:end].strip())
    if opening is not None:
        start = max(text.rfind(opening, begin, start), begin)
    yield start, end


def _whole(text: str, begin: int) -> Iterator[tuple[int, int]]:
    yield begin, len(text)


def _nowhere(_text: str, _begin: int) -> Iterator[tuple[int, int]]:
    yield from ()


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


_WINDOWS: dict[str, Windows] = {
    "hash": _behind_hashes,
    "boxed": _in_boxes,
    "tag": _in_tags,
    "phrase": _behind_phrases,
    "bare": _whole,
    "tail": _last_line,
}
"""Places that the rules of extraction search, in order of precedence."""
