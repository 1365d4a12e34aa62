"""The answer in `\\boxed{...}` or `\\fbox{...}`: the last box, with boxes joined to it and the text directly outside.

A box may be only a part of a formula, 5 + \\boxed{12} or x \\neq \\boxed{12}: then the formula is the answer.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_REACH = 80  # characters around a box in which its formula is looked for
_TAG = re.compile(r"</?\w+(?: [^<>]*)?/?>")
_RELATION = r"(?:[<>≤≥≠]|\\(?:leq?|geq?|lt|gt|neq?|not\s*=)(?![A-Za-z])|!=)"
_AFRESH = re.compile(
    r"(?i)(?<![!<>\\])(?<!\\not)(?<!\\not )=|[:,;|&]|\\\\|[.!?](?:\s|\Z)|⇒|→|=>|->"
    r"|\\(?:implies|Rightarrow|to|rightarrow|approx|therefore|quad|qquad|text|Longrightarrow|iff|Leftrightarrow|equiv|in)(?![A-Za-z])"
    r"|\b(?:is|are|was|be|get|have|gives?|so|then|thus|hence|and|or|therefore|answer|equals?|find|obtain|yields?)\b"
)
_OPERATOR = (
    r"(?:[+*/^·×÷−-]|\\(?:cdot|times|div|pm|mp|ln|exp|sin|cos|tan|log(?:_\w|_\{\w+\})?)(?![A-Za-z])"
    r"|\\sqrt(?:\s*\[[^\]]*\])?(?![A-Za-z])|\\[dt]?frac\s*(?:\{[^{}]*\})?(?=\s*\{\s*\Z|\s*\Z))"
)
_BEFORE = re.compile(rf"({_RELATION}|{_OPERATOR}|\d)(?:[\s{{(\[]|\\left|\\[ ,;!])*\Z")
_ALONE = re.compile(r"[\s{(\[•*+−<>-]*\Z")
_BEHIND = re.compile(
    rf"[\s}})\]]*(?:\\right[)\]])?\s*(?:(?:{_RELATION}|[+*/·×÷−-]|\\(?:cdot|times|div|pm)(?![A-Za-z]))"
    r"\s*(?:[\d(]|\\(?!text|quad|\]|\))|[A-Za-z](?![A-Za-z]))|\\(?:pi|sqrt)(?![A-Za-z]))"
)
_END = re.compile(r"[$\n=&]|\\[)\]]|\\\\|,\s|\.(?:\s|\Z)|\\(?:text|q?quad|implies|Rightarrow|approx|tag)|\Z")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_CHANGING = re.compile(
    r"(?i)(?<![a-z])(?:(?:one[- ]|a )?half(?= of\b| the\b|[\s$*:(\\\[]*\Z)"
    r"|(?:an?|one|two|three)[- ](?:thirds?|quarters?|fourths?|fifths?|tenths?) (?=of\b)"
    r"|twice|thrice|double|triple|quadruple|(?:more|less|fewer|greater|larger|smaller|higher|lower|other) than"
    r"|(?:the )?(?:square root|cube root|square|cube|reciprocal|inverse|negative|negation|opposite|logarithm|factorial"
    r"|absolute value|complement|conjugate|double|triple|half) of|(?:anything|everything|all) (?:but|except)"
    r"|divided by|multiplied by"
    r"|(?:different|differs?|distinct) from|(?:any|every)\w*(?: \w+)? (?:but|except)"
    r"|(?:answer|result|solution)(?: (?:is|was|must be|should be|has to be|can be)"
    r"(?: (?:strictly|certainly|definitely|well|just|slightly|always))?"
    r" (?:at (?:most|least)|above|below|over|under|beyond|no (?:more|less) than|up to|bounded (?:above |below )?by)"
    r"| (?:strictly )?(?:exceeds|surpasses)))"
    r"(?: ?(?:of|the|exactly|value|number|about))*[\s$*:(]*(?:\\[(\[]\s*)?\Z"
)


_CHANGED = re.compile(
    r"(?i)[\s$*)\]\\]*,?\s*(?:(?:plus|minus|times) (?:\d|an?\b|the\b|half\b|one\b"
    r"|two\b|three\b|four\b|five\b|six\b|ten\b|\$)"
    r"|(?:squared|cubed|factorial|doubled|tripled|halved)\b|and an? (?:half|third|quarter)\b"
    r"|(?:(?:less|more|fewer) than|divided by|multiplied by) \W*(?:\d|the\b|half\b)"
    r"|or (?:more|less|fewer|higher|lower|greater|above|below)\b|at (?:most|least)[\s.,!]*\Z"
    r"|is (?:only |just |merely )?an (?:upper|lower) bound\b)"
)
"""Words behind a box that make another number of it, or only a bound."""


def formula_of_box(text: str, start: int, stop: int, content: str) -> str | None:
    """The content of a box with the operators, or the words that change it, around it; None if there are none."""
    line = text.rfind("\n", max(0, start - _REACH), start) + 1
    before = _TAG.sub("", text[max(line, start - _REACH) : start])
    words = _CHANGING.search(before)
    if words is not None:
        return f"{words[0].strip(' $:')} {content}"
    changed = _CHANGED.match(text, stop)
    if changed is not None:
        return f"{content} {changed[0].strip(' $*)')}"
    before = _left_operand(before)
    behind = _BEHIND.match(text, stop)
    if not before and behind is None:
        return None
    rest = text[stop : stop + _REACH]
    end = _END.search(rest)
    assert end is not None
    return f"{before}{{{content}}}{rest[: end.start()]}"


def _left_operand(before: str) -> str:
    """The part of a formula before its box if that ends with an operator, a relation or a factor, else nothing."""
    dollar = before.rfind("$")
    inside = before[dollar + 1 :] if dollar >= 0 else before
    afresh = max((match.end() for match in _AFRESH.finditer(inside)), default=0)
    part = inside[
        max(afresh, inside.rfind("\\(") + 2 if "\\(" in inside else 0, inside.rfind("\\[") + 2 if "\\[" in inside else 0) :
    ]
    if dollar < 0 and "\\" not in before and not re.search(r"[=+*/^<>]", part):
        return ""  # words, a bullet, the number of an item
    ends = _BEFORE.search(part)
    if ends is None or _ALONE.match(part) or _WORD.search(part):
        return ""
    return part.strip()


_GAP = 40  # characters between two boxes of one answer, at most
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_LAYOUT = re.compile(r"(?:[\s$~{}]|\\[()\[\],;: !]|\\q?quad|\\text)+")
_JOINED = re.compile(
    r"(?:(?:[A-Za-z().]+ ?){0,4}?(?:[,;，、；和或]|,? ?\b(?:and|or|as well as)|\\l(?:or|and)))?(?: ?[A-Za-z](?:_\d)? ?=)?\Z"
)
_MOST_JOINED = 20  # boxes of one answer
_LAST_BLANK = re.compile(r"(?<!\\)\\\Z")
_ANEW = re.compile(
    r"(?i)[.!?](?:\s|\Z)|\\\\|&|\n\s*\n|\A\s*\n\s*\Z|⇒|→|=>|\\(?:implies|Rightarrow|to|rightarrow|approx|therefore)(?![A-Za-z])"
    r"|\b(?:so|then|thus|hence|therefore|gives?|giving|means|i\.e|is|are|was|that|which|where|when|if|but|wait|actually|rather|not"
    r"|no|sorry|oops|correction|edit|update|otherwise|else|answer|because|since|simplif\w+|finally|instead|get|have|yields?|becomes?|equals?)\b"
)
_SCALED = re.compile(
    r"(?i)(?:[ $]|\\[)\], ]|\\text\s*\{)*"
    r"(\\?%|(?:per\s?cent|pct|dozen|hundred|thousand|million|billion|trillion)\b)(?!-)"
)
_RAISED = re.compile(r"\^(?:\{[^{}]{1,20}\}|\w)|_(?:\{\d{1,2}\}|\d)|!(?=\s*[$\\])")
_SIGNED = re.compile(r"(?:\A|[=(:,$\n]\s*|[A-Za-z]{2}\s+\$?|\\[(\[]\s*)([-−]|\\pm)\$?\Z")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


class BoxedAnswer(NamedTuple):
    """An answer in boxes, and their position: from the first one's backslash to behind the last one's brace."""

    content: str
    start: int
    end: int


def holds_box(text: str) -> bool:
    """True if a box begins somewhere in a text."""
    return _BOX.search(text) is not None


def last_box(text: str) -> BoxedAnswer | None:
    """The last closed outermost box, with those joined to it on its left and any text directly outside that changes it."""
    first = text.find("box")
    if first < 0:
        return None
    # From two characters before: `box` was found inside of \fbox or \boxed.
    starts = {match.end(): match.start() for match in _BOX.finditer(text, max(0, first - 2))}
    if not starts:
        return None
    spans = sorted((starts[brace], end, brace) for brace, end in _closed(text, min(starts)) if brace in starts)
    boxes: list[tuple[int, int, str]] = []
    for start, end, brace in spans:
        if not boxes or start >= boxes[-1][1]:
            boxes.append((start, end, _LAST_BLANK.sub("", text[brace + 1 : end - 1].strip())))
    if not boxes:
        return None
    start, stop, last = boxes[-1]
    joined = last
    for left, end, content in reversed(boxes[-_MOST_JOINED:-1]):
        gap = text[end:start]
        if len(gap) > _GAP or content == last or _ANEW.search(gap):
            break
        if not _JOINED.match(_LAYOUT.sub(" ", gap).strip()):
            if "\n" in gap:
                break
            joined = text[left:stop]  # 2 + 6, 2 feet 6 inches: one answer, as it is written
            break
        joined = f"{content} {'or' if 'or' in gap or '或' in gap else ','} {joined}"
        start = left
    joined = _around(text, start, stop, joined)
    return BoxedAnswer(joined, start, stop) if joined.strip() else None


def _around(text: str, start: int, stop: int, content: str) -> str:
    """The content of a box with the sign, exponent, base, percent sign or scale word directly outside of it."""
    behind = _SCALED.match(text, stop)
    if behind is not None:
        content = f"{content} {behind[1]}" if content else content
    raised = _RAISED.match(text, stop)
    if raised is not None and content:
        content = f"{{{content}}}{raised[0]}" if raised[0][0] == "^" else content + raised[0]
    whole = formula_of_box(text, start, stop, content)
    if whole is not None:
        return whole
    # With an end, for the pattern's \Z matches there and not at the end of the text.
    sign = _SIGNED.search(text, max(0, start - 12), start)
    return content if sign is None or not content else f"{sign[1]}({content})"


def torn_boxes(text: str) -> str | None:
    """The answer of a text that is the inside of two boxes, torn at its ends; None if a box is left open."""
    whole = f"\\boxed{{{text}}}"
    depth, closed = 0, 0
    for match in _BRACES.finditer(whole):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        closed += depth == 0 and match[0] == "}"
        if depth < 0:
            return None
    box = last_box(whole) if depth == 0 and closed > 1 else None
    return None if box is None else box.content


def _closed(text: str, start: int) -> Iterator[tuple[int, int]]:
    """(index of an opening brace, index after its closing one), in one pass: depth and number are the model's to choose."""
    stack: list[int] = []
    for match in _BRACES.finditer(text, start):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            yield stack.pop(), match.end()
