"""Letters of options that a text chooses in ways of its own: behind "the answer is" in a language whose sentences are not
read otherwise, by a judgement of every option, or by what is left of them.
"""

import re

from rollmill.pipelines.verify.statements.elsewhere import LETTER_SAID, is_denied_elsewhere

_FENCE = re.compile(r"(?m)^[ \t]*(?:```|~~~)\w*[ \t]*$\n?")
_ITEM_JUDGED = re.compile(
    r"(?im)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*)?\(?(?-i:([A-J]))[).:]+(?:\*\*)?[^\n]{0,120}?"
    r"(?<![A-Za-z])(not correct|incorrect|correct|wrong)(?![A-Za-z])[^\n]*$"
)
_LEFT = re.compile(
    r"(?i)\b(?:(?:we|i)(?:['’](?:re|m)| are| am) left with|(?:that|this|which) leaves(?: us| me)?(?: only)?"
    r"|leaving(?: us)?(?: only)?"
    r"|only remaining (?:one|option|choice) is)(?: (?:option|choice|answer))? \(?(?-i:([A-J]))\)?[.! ]*\Z"
)
_CONTRASTED = re.compile(
    r",? (?:and )?(?:(?:definitely|certainly|clearly) )?"
    r"(?:not|rather than|instead of) (?:option |choice )?\(?[A-J]\)?[.! ]*\Z"
)
_AMONG = re.compile(r"\A(?:Between|Among|Of|Out of) [^,]{1,40}, (?=\S)")
_LAST = re.compile(r"(?<=[.!?]) +(?=[A-Z(])")


def without_fences(text: str) -> str:
    """The text without the marks of code fences."""
    return _FENCE.sub("", text) if "```" in text or "~~~" in text else text


def plainer(sentence: str) -> str:
    """A sentence without the options that it only compares the chosen one with: Between A and C, it is C, not A."""
    return _AMONG.sub("", _CONTRASTED.sub("", sentence))


def last_of(line: str) -> str:
    """The last sentence of a line."""
    return _LAST.split(line)[-1]


def judged_letter(text: str) -> str | None:
    """The only option that a text calls correct, where it judges several, a line each."""
    judged = {match[1]: match[2].lower() for match in _ITEM_JUDGED.finditer(text)}
    right = [letter for letter, judgement in judged.items() if judgement == "correct"]
    return right[0] if len(right) == 1 < len(judged) else None


def left_letter(sentence: str) -> str | None:
    """The option that is left, by the end of a sentence: Eliminating A and B, we are left with C."""
    left = _LEFT.search(sentence)
    if left is None or re.search(rf"(?<![A-Za-z]){left[1]}(?![A-Za-z])", sentence[: left.start()]):
        return None
    return left[1]


def said_letter(text: str) -> str | None:
    """The letter behind the last "the answer is" of a language that is not read otherwise, unless it is denied."""
    last = None
    for last in LETTER_SAID.finditer(text):  # noqa: B007 - the last one counts
        pass
    if last is None or is_denied_elsewhere(text, *last.span("letter")):
        return None
    return last["letter"]
