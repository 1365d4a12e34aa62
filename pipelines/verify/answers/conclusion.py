"""The number that a sentence concludes with ("So she pays 17 dollars."), or None where the sentence says something else.

What stands around the number decides. A relation (`x < 17`), a function (log 17, the square root of 17), a factor (half of
17), an exception (any number except 17) or an unknown (1/x = 17) before it makes another answer of it, and so do words
behind it (17 or more). `negative` and `minus` are its sign. Doubt gives None: another reader of the text may know more.
"""

import re

from pipelines.verify.answers.quantity import CHANGING, parse_quantity

UNFINISHED = re.compile(
    r"(?i)\b(?:let's|let us|need to|we can|if|suppose|assume|step|again|short of|than|not|isn't|cannot|wrong|incorrect)\b"
)
"""Words of a line that goes on, or takes back what it says."""
NUMBER = re.compile(
    r"(?<![\w.\\^_])[-+−]?\s?[$€£]?\s?-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\s*/\s*\d+)?|(?<![\w.])-?\.\d+"
)
_AFTER = re.compile(r"[*)$°%]*+[A-Za-z'’-]*+(?:[\s,]++[A-Za-z'’-]++){0,6}+[\s,.!*)$]*+\Z")
_JOINING = re.compile(r"\b(?:and|or)\b")
_NEXT_WORD = re.compile(r"(\s*)([A-Za-z'’-]+|[%°])")
_OR_OTHERS = re.compile(
    r"(?i)\b(?:(?:or|and)\s+(?:more|less|fewer|greater|larger|smaller|above|below|higher|lower|up|over|under|so)"
    r"|at\s+(?:least|most)|at\s+(?:a\s+)?(?:minimum|maximum)|never|no|nor|except|excluded|excluding)\b|n['’]t\b"
)
_LAYOUT = re.compile(r"(?:[\s*_\"“‘]|\\[(\[,;:! ]|\\q?quad|\\displaystyle|\\\$|\$)+\Z")
_SIGN = re.compile(r"(?i)\b(?:negative|minus)\Z")
_NEAR = r"(?:\s+(?:of|the|an?|number|numbers|value|values|from|for|to|by|about|exactly|all|any|every|integers?))*"
_CHANGED = re.compile(
    r"(?i)\b(?:half|halves|thirds?|quarters?|fourths?|fifths?|tenths?|twice|thrice|double|doubled|triple|tripled|quadruple|times|plus"
    r"|minus|negative|opposite|inverse|reciprocal|conjugate|negation|square|squared|cube|cubed|roots?|sqrt|cbrt|powers?|exponent"
    r"|exponential|exp|log|logarithm|ln|lg|a?(?:rc)?(?:sin|cos|tan|cot|sec|csc)h?|sine|cosine|tangent|absolute|modulus|modulo|mod"
    r"|factorial|floor|ceil|ceiling|sign|sgn|gcd|lcm|gcf|hcf|max|min|det|multiples?|factors?|divisors?|divisible|divides"
    r"|remainder|quotient|product|difference|fractions?|percentage|over|under|above|below|beyond|exceeds?|exceeding|between"
    r"|within|except|excepting|excluding|exclude|excludes|but|besides|without|unless|never|neither|nor|no|other|near|least|most"
    r"|minimum\s+of|maximum\s+of|upto|until|till|before|after|\w+n['’]t)" + _NEAR + r"\Z"
)
_UP_TO = re.compile(r"(?i)\b(?:up|equal|close|closer|next|added|raised|opposed|relative|proportional|congruent)\s+to\Z")
_OF = re.compile(r"(?i)\b(\w+)\s+of(?:\s+(?:the|an?|about|exactly|only|just))?\Z")
_COUNTED = frozenset(
    re.findall(
        r"\S+",
        "total sum average mean median mode cost price value amount number answer result rate speed distance length width "
        "height depth area volume perimeter circumference radius diameter weight mass age profit loss gain income salary "
        "revenue budget balance bill fee tax discount score count population temperature probability chance percentage "
        "time duration savings change payment debt earnings expense interest maximum minimum limit size capacity out all "
        "consists made makes grand whole combined instead set",
    )
)
"""Nouns whose `of` names the number itself: a total of 17."""
_ARITHMETIC = re.compile(
    r"\\(?:times|cdot|div|[dt]?frac|left|right|[,;! ]|%|\$)|\\text\s*\{[^{}]*\}|(?<=\d)\s*x\s*(?=[\d$(])"
)
_UNKNOWN = re.compile(r"\d\s*[A-Za-z]\b|\b[A-Za-z]\s*[-+*/^!(]|[-+*/^√|({]\s*[A-Za-z]\b(?!\s+[a-z]{2})|[\\√|]")
_ASSIGNED = re.compile(r"(?<![A-Za-z\\])([A-Za-z](?:_\w)?)\s*=(?!=)")
_OPENED = re.compile(r"(?<!\\)\(")
_CLAUSE = re.compile(r"[,;:]|\.\s|\b(?:so|thus|hence|therefore|then|that|is|are|and|gives?|get|have)\b", re.IGNORECASE)


def concluding_number(line: str) -> str | None:
    """The last number of a concluding sentence with its sign and the word behind it, when it is the only candidate.

    None where the sentence concludes nothing, where more than a few words follow, where "and" or "or" joins the last two
    numbers, and where what stands before or behind makes another number, or a set of numbers, of it.
    """
    matches = list(NUMBER.finditer(line))
    if not matches or UNFINISHED.search(line):
        return None
    start, end = matches[-1].span()
    if not _AFTER.match(line, end) or _OR_OTHERS.search(line, end):
        return None
    if len(matches) > 1 and _JOINING.search(line, matches[-2].end(), start):
        return None
    sign = _sign_before(line[:start], line[start:end])
    if sign is None:
        return None
    word = _NEXT_WORD.match(line, end)
    with_word = line[start:end] if word is None else line[start : word.end()]
    if parse_quantity(with_word) is not None:
        return sign + with_word.lstrip() if sign else with_word
    if word is not None and (not word[1] or word[2].lower() in CHANGING):
        return None
    return sign + line[start:end].lstrip() if sign else line[start:end]


def _sign_before(before: str, number: str) -> str | None:
    """The sign that words give the number ("" or "-"), or None where what stands before it changes it."""
    before = _LAYOUT.sub("", before)
    signed = number.lstrip()[:1] in ("-", "+", "−")
    sign = _SIGN.search(before)
    if sign is not None:
        before = _LAYOUT.sub("", before[: sign.start()])
        if signed or before[-1:].isdigit() or before[-1:] == ")":
            return None
    if signed and (before[-1:].isdigit() or before[-1:] in (")", "}") or re.search(r"(?:^|[^A-Za-z])[A-Za-z]\Z", before)):
        return None  # 30 - 17 is no number minus seventeen
    return "-" * (sign is not None) if _leads_up(before) else None


def _leads_up(before: str) -> bool:
    """Whether a number may follow these words and stay the number it is."""
    if not before:
        return True
    if len(_OPENED.findall(before)) > before.count(")"):
        return False  # (6, 17
    last = before[-1]
    if last == "=":
        return _equated(before[:-1])
    if last.isalpha():
        word = re.search(r"\\?[A-Za-z'’]+\Z", before)
        if word is not None and word[0].startswith("\\"):
            return word[0] in (r"\approx", r"\therefore", r"\implies", r"\Rightarrow", r"\rightarrow", r"\to")
        of = _OF.search(before)
        if of is not None and of[1].lower() not in _COUNTED:
            return False
        return not (
            _CHANGED.search(before) or _UP_TO.search(before) or re.search(r"(?:^|[^A-Za-z'’])[B-HJ-Zb-z]\Z", before)
        )
    return last in ",.:;!?)]}'’”\"—–→⇒≈#" or ord(last) > 0x2600


def _equated(left: str) -> bool:
    """Whether `left = number` says what the number is: a name, or arithmetic with numbers only; never a relation."""
    if left[-1:] in tuple("!<>≤≥≠~:=/\\"):
        return left[-1:] == ":"
    if len(set(_ASSIGNED.findall(f"{left}="))) > 1:
        return False  # x = 3, y = 17
    clause = _CLAUSE.split(left)[-1]
    return not _UNKNOWN.search(_ARITHMETIC.sub(" ", clause.rpartition("=")[2]))
