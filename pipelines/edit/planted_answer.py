"""Position of a completion's marked answer, and its value as an exact fraction. Deliberately shares no code with any
verifier.

Read are: integers, thousands separators, decimals, a/b, \\frac{a}{b}, with a sign; in pairs and as named unknowns. Anything
else has no value here, and nothing is planted into it.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

_DIGITS = r"(?:\d{1,3}(?:(?:,|\{,\})\d{3})+|\d+)"
_DECIMAL = re.compile(rf"({_DIGITS})?(?:\.(\d+))?\Z")
_QUOTIENT = re.compile(rf"({_DIGITS})\s*/\s*({_DIGITS})\Z|\\[dt]?frac\s*\{{({_DIGITS})\}}\s*\{{({_DIGITS})\}}\Z")
BOX = re.compile(r"\\boxed\s*\{")
_HASH = re.compile(r"####[ \t]*(\S[^\n]*?)\s*\Z")
_PHRASE = re.compile(r"(?:(?:^|\n)[ \t]*A:|[Aa]nswer(?:\s+is\s*:?|:))[ \t]*(\S[^\n]*?)\.?\s*\Z")
_MONEY = re.compile(r"\\?\$")
_NAMED = re.compile(r"\s*([A-Za-z])\s*=\s*([^,]+)\Z")
_LONGEST = 200  # characters of an answer
_LONGEST_TEXT = 100_000  # characters of a completion
_LONGEST_TAIL = 2_000  # characters of its end in which a closing mark is looked for


@dataclass(frozen=True, slots=True)
class PlantedAnswer:
    """A completion split at its answer: `text[start:end]` is the answer as written behind its mark.

    `mark` is "box", "hash" or "phrase"; `money` a currency sign before the number, kept by every variant. `value` is None
    where the answer is several values: then `parts` are (name, written, value), names empty for a bare pair.
    """

    text: str
    start: int
    end: int
    mark: str
    money: str
    value: Fraction | None
    parts: tuple[tuple[str, str, Fraction], ...] = ()

    @property
    def written(self) -> str:
        """The number as written, without its currency sign."""
        return self.text[self.start + len(self.money) : self.end]

    def replaced(self, written: str) -> str:
        """The whole text with another number in the answer's place."""
        return f"{self.text[: self.start]}{self.money}{written}{self.text[self.end :]}"


def locate_answer(reference: str, text: str) -> PlantedAnswer | None:
    """The marked answer of a text when it provably is the reference, else None."""
    answer = marked_answer(text)
    if answer is None:
        return None
    gold = reference.rsplit("####", 1)[-1].strip()
    gold = gold[len(_money(gold)) :]
    if answer.value is not None:
        return answer if answer.value == rational(gold) else None
    return answer if [part[::2] for part in answer.parts] == [part[::2] for part in several(gold)] else None


def marked_answer(text: str) -> PlantedAnswer | None:
    """The marked answer of a text if it is a number, a pair or named unknowns, right or wrong."""
    span = _span(text)
    if span is None or span[1] - span[0] > _LONGEST:
        return None
    start, end, mark = span
    sign = _money(text[start:end])
    value = rational(text[start + len(sign) : end])
    if value is not None:
        return PlantedAnswer(text, start, end, mark, sign, value)
    parts = several(text[start:end])
    return PlantedAnswer(text, start, end, mark, "", None, parts) if parts else None


def rational(text: str) -> Fraction | None:
    """The exact value of one plain number, or None."""
    text = text.strip()
    # `\d` and int() would take the digits of every script.
    if len(text) > _LONGEST or not text.isascii():
        return None
    if text[:1] in ("-", "+"):
        inner = rational(text[1:].lstrip()) if text[1:].lstrip()[:1] not in ("-", "+") else None
        return inner if inner is None or text[0] == "+" else -inner
    decimal = _DECIMAL.match(text)
    if decimal and (decimal[1] or decimal[2]):
        places = decimal[2] or ""
        return Fraction(int((_plain(decimal[1] or "0")) + places), 10 ** len(places))
    quotient = _QUOTIENT.match(text)
    if quotient is None:
        return None
    top, bottom = (int(_plain(group)) for group in quotient.groups() if group)
    return Fraction(top, bottom) if bottom else None


def several(text: str) -> tuple[tuple[str, str, Fraction], ...]:
    """The (name, written, value) of `(1, 2)` or `x = 1, y = 2`; empty for anything else."""
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        return _all_read([("", piece.strip()) for piece in inner[1:-1].split(",")])
    named = [_NAMED.match(piece) for piece in inner.split(",")]
    pairs = [(match[1], match[2].strip()) for match in named if match]
    return _all_read(pairs) if len(pairs) == len(named) == len({name for name, _ in pairs}) else ()


def _all_read(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str, Fraction], ...]:
    read = [(name, written, rational(written)) for name, written in pairs]
    known = tuple((name, written, value) for name, written, value in read if value is not None)
    return known if len(known) == len(read) and len(known) > 1 else ()


def _plain(digits: str) -> str:
    return digits.replace("{,}", "").replace(",", "")


def _money(text: str) -> str:
    match = _MONEY.match(text)
    return match[0] if match else ""


def _span(text: str) -> tuple[int, int, str] | None:
    """(start, end, mark) of the answer: behind a closing `####`, in the last box, or behind a closing answer phrase."""
    if len(text) > _LONGEST_TEXT:
        return None
    tail = _tail(text)
    hashed = _HASH.search(text, tail)
    if hashed:
        return *hashed.span(1), "hash"
    boxes = list(BOX.finditer(text))
    if boxes:
        end = _closing(text, boxes[-1].end())
        return None if end is None else (boxes[-1].end(), end, "box")
    phrase = _PHRASE.search(text, tail)
    return (*phrase.span(1), "phrase") if phrase else None


def _tail(text: str) -> int:
    """Start of the search for a closing mark: its answer is the last line, and the mark is there or in the line before.

    Behind every mark the patterns read to the end of its line, so over a long text their time would grow with its square.
    """
    end = len(text.rstrip())
    line = text.rfind("\n", 0, end) + 1
    before = text.rfind("\n", 0, len(text[:line].rstrip())) + 1
    return max(before, end - _LONGEST_TAIL)


def _closing(text: str, start: int) -> int | None:
    """Position of the brace that closes the one opened before `start`."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return None
