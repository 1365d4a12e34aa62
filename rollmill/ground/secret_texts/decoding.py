"""Texts without their escapes and encodings, each character with the place in the text that it came from."""

import base64
import binascii
import html
import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ROUNDS = 4  # encodings within one another that are undone
_MOST_RUNS = 64  # of a text, so that a hostile one costs little
_ESCAPE = re.compile(
    r"%(?P<percent>[0-9A-Fa-f]{2})|\\\\*u\{?00(?P<unicode>[0-9A-Fa-f]{2})\}?|\\\\*x(?P<byte>[0-9A-Fa-f]{2})|"
    r"&#[xX]0*(?P<hex>[0-9A-Fa-f]{1,4});?|&#0*(?P<decimal>\d{1,5});?|&(?P<named>[A-Za-z]{2,8});|"
    r"0x(?P<number>[0-9A-Fa-f]{2})\b|=(?P<quoted>[0-9A-F]{2})|\\(?P<octal>[0-3][0-7]{2})"
)
_HEXADECIMAL = ("percent", "unicode", "byte", "hex", "number", "quoted")
# Letters that are escaped one by one are found as hexadecimal digits; these are the escapes of other characters.
_MARK = re.compile(r"%[2-5]|\\(?:u00|u\{|x|0|1)|&(?:#|[A-Za-z]{2,8};)|=(?:2[BDEF]|3D|5F)|0x")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{22,}")
_RUN_MEMBERS = frozenset(string.ascii_letters + string.digits + "+/_-")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_RUN_LETTERS = bytes(97 if chr(byte) in _RUN_MEMBERS - {"-"} else 32 for byte in range(256))
_LEAST_RUN = b"a" * 22
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TextReading:
    """A text read in one way. `spans`: begin and end, in the text as written, of each character; None if nobody asks."""

    text: str
    spans: Sequence[Span] | None = None

    def span(self, begin: int, end: int) -> Span:
        """Begin and end, in the text as written, of some of its characters."""
        return (0, 0) if self.spans is None else (self.spans[begin][0], self.spans[end - 1][1])


def written(text: str) -> TextReading:
    """A text as it is, with compatible characters (full width, styled letters) as the ordinary ones."""
    if text.isascii():
        return TextReading(text, [(at, at + 1) for at in range(len(text))])
    letters = [(letter, at) for at, character in enumerate(text) for letter in unicodedata.normalize("NFKC", character)]
    return TextReading("".join(letter for letter, _ in letters), [(at, at + 1) for _, at in letters])


def may_be_encoded(text: str) -> bool:
    """Quickly: False if a text has neither escapes nor a run of letters that could be an encoding."""
    return _may_have_escapes(text) or _has_runs(text)


def _may_have_escapes(text: str) -> bool:
    return _MARK.search(text) is not None


def _has_runs(text: str) -> bool:
    return _LEAST_RUN in text.encode("ascii", "replace").translate(_RUN_LETTERS)


def decoded(form: TextReading, rounds: int = _ROUNDS) -> Iterator[TextReading]:
    """The forms that a text has without its escapes, and those that runs of it are encodings of, again and again."""
    if rounds == 0:
        return
    plain = _without_escapes(form) if _may_have_escapes(form.text) else None
    if plain is not None:
        yield plain
        yield from decoded(plain, rounds - 1)
    if _has_runs(form.text):
        for run in _encoded_runs(form):
            yield run
            yield from decoded(run, rounds - 1)


def _without_escapes(form: TextReading) -> TextReading | None:
    """The form with every escape replaced; None if it has none."""
    parts: list[str] = []
    spans: list[Span] = []
    last = 0
    for match in _ESCAPE.finditer(form.text):
        character = _meant(match)
        if character is None:
            continue
        parts += form.text[last : match.start()], character
        if form.spans is not None:
            spans += form.spans[last : match.start()]
            spans += [form.span(*match.span())] * len(character)
        last = match.end()
    if not last:
        return None
    text = "".join((*parts, form.text[last:]))
    return TextReading(text, None if form.spans is None else [*spans, *form.spans[last:]])


def _meant(match: "re.Match[str]") -> str | None:
    kind, value = match.lastgroup or "", match[match.lastgroup or 0]
    if kind == "named":
        character = html.unescape(f"&{value};")
        return character if len(character) <= 2 else None
    number = int(value, 16 if kind in _HEXADECIMAL else 8 if kind == "octal" else 10)
    return chr(number) if 0 < number < 0x10000 else None


def _encoded_runs(form: TextReading) -> Iterator[TextReading]:
    """Texts that the runs of letters are as base64 and as hexadecimal digits; every character stands for the whole run."""
    # One byte a character, so that places are the same; no other character than ASCII's is part of a run.
    letters = form.text.encode("ascii", "replace").translate(_RUN_LETTERS)
    end = 0
    for _ in range(_MOST_RUNS):
        begin = letters.find(_LEAST_RUN, end)
        if begin < 0:
            return
        while begin > end and form.text[begin - 1] in _RUN_MEMBERS:
            begin -= 1
        match = _RUN.match(form.text, begin)
        assert match is not None
        end = match.end()
        for data in _values(match[0]):
            text = data.decode("latin-1")
            yield TextReading(text, None if form.spans is None else [form.span(begin, end)] * len(text))


def _values(run: str) -> Iterator[bytes]:
    # Of so many letters of base64 some are capital and some are small.
    if not run.islower() and not run.isupper() and not run.isdigit():
        run = run.replace("-", "+").replace("_", "/")
        for cut in range(4):
            whole = run[cut : cut + (len(run) - cut) // 4 * 4]
            try:
                yield base64.b64decode(whole)
            except binascii.Error:
                continue
    if _HEX.fullmatch(run):
        for cut in range(2):
            yield bytes.fromhex(run[cut : cut + (len(run) - cut) // 2 * 2])
