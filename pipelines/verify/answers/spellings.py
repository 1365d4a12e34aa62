"""Other spellings of answers, each rewritten as the one that the grammar reads: a table of patterns, tried where a sign of
theirs stands in the text.
"""

import re
from collections.abc import Callable

Spelling = tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]
_END = r"\s*([^,;\[\]()]{1,40}?)\s*"
_NAME = r"[A-Za-z](?:_\{?\w\}?)?"
_LESS = r"<=?|≤|\\leq?(?:slant)?(?![A-Za-z])|\\lt(?![A-Za-z])"
_MORE = r">=?|≥|\\geq?(?:slant)?(?![A-Za-z])|\\gt(?![A-Za-z])"
_AND = r"\s*(?:\\(?:text|mathrm)\s*\{\s*and\s*\}|and\b|\\land(?![A-Za-z])|\\wedge(?![A-Za-z]))\s*"
_SIDE = r"([^<>≤≥=,;]{1,40}?)"
_REALS = r"(?:\\mathbb\s*\{?\s*R\s*\}?|ℝ)\s*(?:\\(?:setminus|backslash|smallsetminus)(?![A-Za-z])|∖|\\|-)\s*"
_ROW = r"\[[^\[\]]{1,200}\]"


def _french(match: re.Match[str]) -> str:
    """]3; 5] as (3, 5]."""
    opening, low, high, closing = match.groups()
    return f"{'(' if opening == ']' else '['}{low}, {high}{')' if closing == '[' else ']'}"


def _outside(match: re.Match[str]) -> str:
    """The two rays outside of an interval."""
    label = rf"{match['name']} \in " if match["name"] else ""
    ends = ")" if match["open"] == "[" else "]", "(" if match["close"] == "]" else "["
    return rf"{label}(-\infty, {match['low']}{ends[0]} \cup {ends[1]}{match['high']}, \infty)"


def _rows(match: re.Match[str]) -> str:
    """[[1, 2], [3, 4]] as a matrix."""
    rows = re.findall(r"\[([^\[\]]*)\]", match[1])
    return r"\begin{pmatrix}" + r"\\".join(row.replace(",", "&") for row in rows) + r"\end{pmatrix}"


_BOUNDED = re.compile(
    rf"\A\s*({_NAME})\s*({_MORE})\s*{_SIDE}{_AND}\1\s*({_LESS})\s*{_SIDE}\s*\Z"
    rf"|\A\s*({_NAME})\s*({_LESS})\s*{_SIDE}{_AND}\6\s*({_MORE})\s*{_SIDE}\s*\Z"
)
_INTERVAL = r"(?P<open>[\[(])\s*(?P<low>[^,;\[\]()]{1,40}?)\s*[,;]\s*(?P<high>[^,;\[\]()]{1,40}?)\s*(?P<close>[\])])\s*\Z"
_TABLE: tuple[Spelling, ...] = (
    (
        "]",
        re.compile(
            rf"(?:(?<=\A)|(?<=[\s=∪∈p]))(?:\\left\s*)?([\[\]]){_END}[;,]{_END}(?:\\right\s*)?([\[\]])(?=\s*(?:\Z|\\cup|∪|\$))"
        ),
        _french,
    ),
    ("[[", re.compile(rf"\A\s*\[\s*({_ROW}(?:\s*,\s*{_ROW})+)\s*\]\s*\Z"), _rows),
    ("smallmatrix", re.compile("smallmatrix"), "pmatrix"),
    (
        "^",
        re.compile(r"\A\s*((?:\([^()]*\)|\[[^\[\]]*\]))\s*\^\s*\{?\s*(?:T|\\top|\\mathrm\s*\{?T\}?|\\intercal)\s*\}?\s*\Z"),
        r"\1",
    ),
    ("C", re.compile(r"(?<![A-Za-z])C\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)"), r"\\binom{\1}{\2}"),
    ("C", re.compile(r"\{?\}?(?:_|\^)\s*\{?(\d{1,6})\}?\s*C\s*_\s*\{?(\d{1,6})\}?"), r"\\binom{\1}{\2}"),
    ("notin", re.compile(rf"\A\s*(?P<name>{_NAME})\s*\\notin\s*{_INTERVAL}"), _outside),
    ("R", re.compile(rf"\A\s*(?:(?P<name>{_NAME})\s*(?:\\in|∈)\s*)?{_REALS}{_INTERVAL}"), _outside),
    ("\\text", re.compile(r"\\text\s*\{\s*,\s*(?:and|or)?\s*\}"), ","),
    (" to ", re.compile(r"(?<=[\d}])\s*(?:\\text\s*\{\s*to\s*\}|(?<=\s)to(?=\s))\s*(?=[\d\\])"), ":"),
    ("mapsto", re.compile(r"\A\s*([A-Za-z])\s*(?::|\\colon)\s*([A-Za-z])\s*\\mapsto\s*"), r"\1(\2) = "),
    ("equiv", re.compile(r"\A\s*([A-Za-z]\([A-Za-z]\))\s*\\equiv(?!.*mod)"), r"\1 = "),
    (
        "onstant",
        re.compile(r"\+\s*(?:\\(?:text|mathrm)\s*\{\s*(?:an? )?[Cc]onstant\s*\}|[Cc]onstant\b|[Cc]onst\b\.?)"),
        "+ C",
    ),
    ("iverges", re.compile(r"(?i)(?:\\text\s*\{\s*)?(?:it )?diverges to\s*\}?\s*(?=[+-]?\s*\\infty|∞)"), ""),
)


def respelled(text: str) -> str:
    """The text in the spelling that the grammar reads; unchanged where no other spelling is known."""
    if "and" in text or "wedge" in text:
        bounded = _BOUNDED.match(text)
        if bounded is not None:
            name, *sides = [group for group in bounded.groups() if group is not None]
            return _chained(name, *sides)
    for sign, pattern, spelling in _TABLE:
        if sign in text:
            text = pattern.sub(spelling, text)
    return text


def _chained(name: str, first: str, one: str, second: str, other: str) -> str:
    """x > 3 and x ≤ 5 as 3 < x ≤ 5."""
    low, high = (
        ((first, one), (second, other)) if first[0] in ">≥" or first.startswith(r"\g") else ((second, other), (first, one))
    )
    least = "<" if low[0] in (">", r"\gt") else r"\le"
    return f"{low[1]} {least} {name} {high[0]} {high[1]}"
