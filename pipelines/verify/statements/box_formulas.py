"""The formula of which a box is only a part: 5 + \\boxed{12}, \\sqrt{\\boxed{12}}, x \\neq \\boxed{12}."""

import re

_REACH = 80  # characters around a box in which its formula is looked for
_TAG = re.compile(r"</?\w+ ?/?>")
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
    r"|divided by|multiplied by)"
    r"(?: ?(?:of|the|exactly|value|number|about))*[\s$*:(]*(?:\\[(\[]\s*)?\Z"
)


def formula_of_box(text: str, start: int, stop: int, content: str) -> str | None:
    """The content of a box with the operators, or the words that change it, around it; None if there are none."""
    line = text.rfind("\n", max(0, start - _REACH), start) + 1
    before = _TAG.sub("", text[max(line, start - _REACH) : start])
    words = _CHANGING.search(before)
    if words is not None:
        return f"{words[0].strip(' $:')} {content}"
    before = _left_operand(before)
    behind = _BEHIND.match(text, stop)
    if not before and behind is None:
        return None
    rest = text[stop : stop + _REACH]
    end = _END.search(rest)
    assert end is not None
    return f"{before}{{{content}}}{rest[: end.start()]}"


def _left_operand(before: str) -> str:
    """What stands before a box in its formula if that ends with an operator, a relation or a factor, else nothing."""
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
