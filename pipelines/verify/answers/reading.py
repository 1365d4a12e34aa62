"""Reads an answer's text: its normal spelling, and its value where the rules of notation cover it. Compares nothing."""

import re
from dataclasses import dataclass
from functools import lru_cache

from pipelines.verify.answers.algebra import Unsupported, fresh_budget
from pipelines.verify.answers.grammar import parse
from pipelines.verify.answers.meaning import (
    Collection,
    Interval,
    Matrix,
    Named,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
    meaning,
)
from pipelines.verify.answers.notation import clean, tokens
from pipelines.verify.answers.quantity import Quantity, parse_quantity

_WRAPPER = re.compile(r"\\(?:text|mbox|textbf|textrm|textit|mathrm|mathbf|mathit|operatorname|boxed|fbox)\s*\{([^{}]*)\}")
_LOOSE_SPACE = re.compile(r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])")
_SPACED_LIST = re.compile(r"-?\d+(?:\.\d+)?(?:\s+-?\d+(?:\.\d+)?)+\Z")
_CHOICE = re.compile(r"\(?([A-Ja-j])\s*[).:]\s*(.*)\Z|\(?([A-Ja-j])\)?\.?\Z", re.DOTALL)
_GROUPED_CHOICE = re.compile(r"\A\{\s*(\(?[A-Ja-j]\)?[.:]?)\s*\}")
_ENDS = " \t\n.,;:"


@dataclass(frozen=True, slots=True)
class Reading:
    """`normal`: the spelling without layout. `value` is None, with the reason in `why`, for what no rule covers."""

    normal: str
    quantity: Quantity | None
    value: Value | None
    why: str = ""

    @property
    def form(self) -> str:
        """Canonical text: equal forms are equal answers."""
        if self.quantity is not None:
            return str(self.quantity.value) + self.quantity.scale
        return self.normal if self.value is None else key(self.value)


@lru_cache(maxsize=32_768)
def read(text: str, *, grouping: bool = True) -> Reading:
    """The reading of an answer; pure, bounded, never raises on model text."""
    fresh_budget()
    normal = normal_spelling(text)
    quantity = parse_quantity(text) if grouping else None
    try:
        return Reading(normal, quantity, _value(text, grouping))
    except Unsupported as error:
        words = _only_words(normal)
        return Reading(normal, quantity, None if words is None else Words(words), str(error))
    except RecursionError:
        return Reading(normal, quantity, None, "too deep")


def normal_spelling(text: str) -> str:
    """The text without layout: identical normal spellings are identical answers."""
    text = _strip_dollars(text[:8_000].strip())
    for _ in range(4):
        new = _WRAPPER.sub(r"{\1}", text)
        if new == text:
            break
        text = new
    text = clean(text).replace("\ue001", "\\\\").replace("\ue000", "").strip(_ENDS)
    text = _LOOSE_SPACE.sub("", text)
    while text.startswith("{") and text.endswith("}") and "{" not in text[1:-1] and "}" not in text[1:-1]:
        text = text[1:-1].strip(_ENDS)
    return text


def choice(text: str) -> tuple[str, str] | None:
    """(letter, rest) of a multiple-choice answer such as `B`, `(b)` or `(b) 0.3`; None when it is none."""
    match = _CHOICE.match(_GROUPED_CHOICE.sub(r"\1 ", normal_spelling(text)))
    if match is None:
        return None
    return (match[1] or match[3]).upper(), (match[2] or "").strip()


def key(value: Value) -> str:
    """Canonical text of a value, for evidence and for clustering answers without a reference."""
    if isinstance(value, Scalar):
        inner = value.formula.key() if value.formula is not None else f"<{value.node.op}>"
        return inner + value.scale
    if isinstance(value, Collection):
        items = [key(item) for item in value.items]
        if value.kind in ("set", "either"):
            return "{" + ", ".join(sorted(set(items))) + "}"
        if value.kind == "ratio":
            return ":".join(items)
        opening, closing = ("", "") if value.kind == "list" else (value.kind[0], value.kind[1])
        return opening + ", ".join(items) + closing
    if isinstance(value, Interval):
        ends = [f"{'-' * (not i)}∞" if end is None else key(end) for i, end in enumerate((value.low, value.high))]
        return ("[" if value.closed[0] else "(") + ", ".join(ends) + ("]" if value.closed[1] else ")")
    if isinstance(value, Union):
        return " ∪ ".join(sorted(map(key, value.parts)))
    return _key_of_rest(value)


def _key_of_rest(value: Named | Relation | Matrix | Words) -> str:
    if isinstance(value, Named):
        return f"{value.name} = {key(value.value)}"
    if isinstance(value, Relation):
        return f"{key(value.left)} {value.sign} {key(value.right)}"
    if isinstance(value, Matrix):
        return "[" + "; ".join(", ".join(map(key, row)) for row in value.rows) + "]"
    return value.text


def _value(text: str, grouping: bool) -> Value:
    text = _strip_dollars(text.strip())
    if _SPACED_LIST.match(text):
        text = ", ".join(text.split())
    return meaning(parse(tokens(text.rstrip(".;, \n"), grouping=grouping)))


def _strip_dollars(text: str) -> str:
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing):
            inner = text[len(opening) : -len(closing)]
            if opening not in inner:
                return inner.strip()
    return text


def _only_words(normal: str) -> str | None:
    """The letters of a text that holds no mathematics, else None."""
    letters = re.sub(r"[\s{}.,;:'’!?()-]+", "", normal)
    return letters.lower() if letters.isalpha() and len(letters) > 2 else None
