"""Reads an answer's text: its normal spelling, and its value where the rules of notation cover it. Compares nothing."""

import re
from functools import cached_property, lru_cache

from rollmill.pipelines.verify.answers.answer_values import IN_ALL, NamedValue, Relation, Scalar, Value, Words, key
from rollmill.pipelines.verify.answers.equations import without_points
from rollmill.pipelines.verify.answers.expressions.algebra import UnsupportedForm, constant, fresh_budget
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode, parse
from rollmill.pipelines.verify.answers.expressions.notation import clean, tokens
from rollmill.pipelines.verify.answers.expressions.quantity import Quantity, parse_quantity
from rollmill.pipelines.verify.answers.expressions.units import compound, known_unit, turning_words
from rollmill.pipelines.verify.answers.meaning import meaning
from rollmill.pipelines.verify.answers.questions.labels import equals_sign, label_and_value, without_quantifier
from rollmill.pipelines.verify.answers.spellings import respelled
from rollmill.pipelines.verify.answers.wordings import words

_WRAPPER = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|up|sl|sc|md|normal)?|emph|mbox|math(?:rm|bf|it|sf|tt)|boldsymbol|bm|operatorname|boxed|fbox)\s*\{([^{}]*)\}"
)
_LOOSE_SPACE = re.compile(r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])")
_DATE = re.compile(r"(?:1\d|20)\d\d-[01]\d-[0-3]\d\Z")
_SPACED_LIST = re.compile(r"-?\d+(?:\.\d+)?(?:\s+-?\d+(?:\.\d+)?)+\Z")
_BLANK_THOUSANDS = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?\Z")
_CHOICE = re.compile(r"\(?([A-Ja-j])\s*[).:]\s*(.*)\Z|\(?([A-Ja-j])\)?\.?\Z", re.DOTALL)
_ANOTHER = re.compile(r"(?:and|or|,|;|/|&)\s*\(?[A-Ja-j]\b")
_SET_BUILDER = re.compile(
    r"\\(?:left)?\\?\{\s*([A-Za-z])\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?::|\\mid|\||\\,\|\\,)\s*([^:|]{1,200}?)\s*\\(?:right\\)?\}\Z"
)
_FAMILY = re.compile(
    r"\\(?:left)?\\?\{\s*([^{}|:]{1,120}?)\s*(?::|\\mid|\||\\,\|\\,)\s*[A-Za-z]\s*(?:\\in|∈)\s*(?:\\mathbb\s*\{?\s*[ZR]\s*\}?|[ℤℝ])\s*\\(?:right\\)?\}\Z"
)
_WITHOUT = re.compile(
    r"(.{1,200}?[)\]}Rℝ])\s*(?:-|−|\\setminus|\\smallsetminus|\\backslash|∖)\s*((?:\\left\s*)?\\\{[^{}]{1,100}\})\Z"
)
_CONGRUENCE = re.compile(
    r"(?:(?:[A-Za-z]|\d[\d^{}+*-]{0,40})\s*(?:\\equiv|≡|=)\s*)?(-?\d{1,30})(?:\s|\\[,;: ]|\\q?quad|~)*\(?\s*"
    r"(?:\\(?:text|mathrm|operatorname)\s*\{\s*)?\\?p?mod\s*\}?\s*\{?\s*(\d{1,30})\s*\}?\)?\Z"
)
_GROUPED_CHOICE = re.compile(r"\A\{\s*(\(?[A-Ja-j]\)?[.:]?)\s*\}")
_REMEMBERED_LENGTH = 1_000  # characters: longer texts are rare, and many of them would fill the memory
_RAISED_UNIT = re.compile(r"\{\s*([A-Za-z]+)\s*\}\s*\^\s*\{?(\d)\}?")
_ENDS = " \t\n.,;:"


class Reading:
    """An answer's text, parsed lazily: most answers are plain numbers and never need the grammar.

    Thread-safe: its cached values are pure functions of the text.
    """

    def __init__(self, text: str, *, grouping: bool = True) -> None:
        self.text = text
        self.quantity: Quantity | None = parse_quantity(text) if grouping else None
        if self.quantity is None and "}^" in text and grouping:
            raised = parse_quantity(_RAISED_UNIT.sub(r"{\1^\2}", text))
            self.quantity = raised if raised is not None and known_unit(raised.unit) else None
        self._grouping = grouping

    @cached_property
    def normal(self) -> str:
        """The spelling without layout; the same for answers that differ in layout only."""
        return normal_spelling(self.text)

    @property
    def value(self) -> Value | None:
        """Value of the text by the grammar, or None if no rule of notation covers it."""
        return self._parsed[0]

    @property
    def why(self) -> str:
        """Reason for a missing value; empty if there is one."""
        return self._parsed[1]

    @cached_property
    def form(self) -> str:
        """Canonical text: equal forms are equal answers."""
        number = self.quantity
        if number is None:
            return self.normal if self.value is None else key(self.value)
        return " ".join([str(number.value) + number.scale, *(turning_words(number.unit) if number.unit else ())])

    @cached_property
    def choice(self) -> tuple[str, str] | None:
        """(letter, rest) of a multiple-choice answer such as `B`, `(b)` or `(b) 0.3`; None when it is none."""
        return _lettered(self.normal) if self.quantity is None else None

    @cached_property
    def _parsed(self) -> tuple[Value | None, str]:
        value, why = _parsed(self.text, grouping=self._grouping)
        if value is None and self.quantity is not None:
            return _plain(self.quantity), ""  # 3 1/2 is one number to the reader of numbers only
        return value, why


def read(text: str, *, grouping: bool = True) -> Reading:
    """The reading of an answer; pure, bounded, never raises on model text. Long ones are not remembered."""
    return _remembered(text, grouping) if len(text) <= _REMEMBERED_LENGTH else Reading(text, grouping=grouping)


@lru_cache(maxsize=32_768)
def _remembered(text: str, grouping: bool) -> Reading:
    return Reading(text, grouping=grouping)


def _parsed(text: str, *, grouping: bool) -> tuple[Value | None, str]:
    fresh_budget()
    try:
        return _value(text, grouping), ""
    except UnsupportedForm as error:
        only = _only_words(normal_spelling(text))
        return (None if only is None else words(only)), str(error)
    except RecursionError:
        return None, "too deep"


def _lettered(normal: str) -> tuple[str, str] | None:
    match = _CHOICE.match(_GROUPED_CHOICE.sub(r"\1 ", normal))
    if match is None or _ANOTHER.match(match[2] or ""):
        return None
    return (match[1] or match[3]).upper(), (match[2] or "").strip()


def normal_spelling(text: str) -> str:
    """The text without layout: identical normal spellings are identical answers."""
    text = strip_dollars(text[:8_000].strip()).replace("...", "…")
    for _ in range(4):  # wrappers lie in wrappers: \boxed{\text{...}}
        new = _WRAPPER.sub(r"{\1}", text)
        if new == text:
            break
        text = new
    text = clean(text).replace("\ue001", "\\\\").replace("\ue000", "").strip(_ENDS)
    text = _LOOSE_SPACE.sub("", text)
    while text.startswith("{") and text.endswith("}") and "{" not in text[1:-1] and "}" not in text[1:-1]:
        text = text[1:-1].strip(_ENDS)
    return text


def _value(text: str, grouping: bool) -> Value:
    text = respelled(without_quantifier(strip_dollars(text.strip()))).replace("...", "…")
    labelled = _labelled(text, grouping) if "=" in text else None
    if labelled is not None:
        return labelled
    cut = _WITHOUT.match(text)
    if cut is not None:
        return without_points(_value(cut[1], grouping), _value(cut[2], grouping))
    family = _FAMILY.match(text)
    if family is not None:
        return _value(family[1], grouping)  # { kπ : k ∈ Z } is kπ for every k
    built = _SET_BUILDER.match(text)
    if built is not None and re.search(rf"(?<![A-Za-z\\]){built[1]}(?![A-Za-z])", built[2]):
        text = built[2]  # { x : x > 3 } is x > 3
    congruence = _CONGRUENCE.match(text) if "mod" in text else None
    stated = "equiv" in text or "≡" in text
    if congruence is not None and not stated and not 0 <= int(congruence[1]) < int(congruence[2]):
        raise UnsupportedForm("5 mod 3 is an operation that is left to be done")
    if congruence is not None:  # which of its members is named does not matter: x ≡ 3 (mod 7)
        return NamedValue(f"mod {congruence[2]}", _value(congruence[1], grouping))
    total = compound(text)
    if total is not None:
        node = ExpressionNode("number", (), str(total[0]), total[0])
        return Scalar(node, constant(total[0]), unit=f"{total[1]} {IN_ALL}")
    if _DATE.match(text):
        return Words(text)  # no difference
    if _SPACED_LIST.match(text):
        text = ", ".join(text.split())
    return meaning(parse(tokens(text.rstrip(".;, \n"), grouping=grouping)))


def _labelled(text: str, grouping: bool) -> Value | None:
    """The value under a label, f'(1) = 2, or with a unit that is no unknown, V = 12\\text{ m}^3; None for any other."""
    labelled = label_and_value(text)
    if labelled is not None:
        return _named(*labelled, grouping)
    place = equals_sign(text) if "\\text" in text or "\\mathrm" in text else None
    plain = None if place is None else parse_quantity(_RAISED_UNIT.sub(r"{\1^\2}", text[place + 1 :]))
    if plain is None or not plain.unit:
        return None
    named = _value(f"{text[:place]} = 1", grouping)
    return NamedValue(named.name, _plain(plain)) if isinstance(named, NamedValue) else None


def _plain(plain: Quantity) -> Scalar:
    node = ExpressionNode("number", (), str(plain.value), plain.value)
    return Scalar(node, constant(plain.value), plain.scale, plain.unit, plain.slack, plain.places)


def _named(label: str, text: str, grouping: bool) -> Value:
    """A value under its label; of a chain of equal sides the last one."""
    plain = parse_quantity(text)
    value = _value(text, grouping) if plain is None else _plain(plain)
    while isinstance(value, Relation) and "=" in text:
        text = text.partition("=")[2]
        value = _value(text, grouping)
    return NamedValue(label, value.value if isinstance(value, NamedValue) else value)


def is_spaced_list(text: str) -> bool:
    """True if a text is numbers side by side with blanks between, 6 4 0."""
    return bool(_SPACED_LIST.match(strip_dollars(text.strip())))


def ungrouped(reading: Reading) -> Reading:
    """The reading of 1 234 567 as one number, used if the other side is a plain number; otherwise it is a list."""
    text = strip_dollars(reading.text.strip())
    return read(text.replace(" ", "")) if _BLANK_THOUSANDS.match(text) else reading


def strip_dollars(text: str) -> str:
    """The text without the dollars or brackets that mark the whole of it as a formula."""
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing):
            inner = text[len(opening) : -len(closing)]
            if opening not in inner:
                return inner.strip()
    return text


def _only_words(normal: str) -> str | None:
    """The letters of a text that holds no mathematics, else None."""
    letters = re.sub(r"[\s{}.,;:'’!?()-]+", "", normal)
    return letters.lower() if letters.isalpha() and len(letters) > (2 if letters.isascii() else 1) else None
