"""Search for secret keys in texts, in whatever spelling: the one search of replies, messages, rows and published files.

A text without a key costs one pass over its bytes: every common piece holds a run of four letters that begins at a multiple
of four, and those of all spellings are in one set. Only where one of them stands in the text, or where it may be encoded,
it is looked at closely.
"""

import base64
import html
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from rollmill.ground.secret_texts.decoding import TextReading, decoded, may_be_encoded, written
from rollmill.ground.secret_texts.spellings import (
    GRAM,
    LEAST_KEY,
    LEAST_PIECE,
    Spelling,
    normal,
    of_words,
    spellings,
)

HIDDEN = "[hidden]"
LEAST_PART = 8
"""Characters of a key's beginning that are hidden at the end of a text, where it was cut."""
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")


@dataclass
class KeySearch:
    """A search for given keys in texts, which hides them. The name of a key is an environment variable, or says where the
    key is from.
    """

    keys: Mapping[str, str]
    _exact: list[tuple[str, str]] = field(init=False)
    _grams: frozenset[int] = field(init=False)
    _places: dict[bytes, list[tuple[Spelling, int]]] = field(init=False)

    def __post_init__(self) -> None:
        # The longest first: one that contains another would else be hidden in part.
        exact = {text: name for name, key in self.keys.items() if key for text in _exactly(key)}
        self._exact = sorted(exact.items(), key=lambda pair: -len(pair[0]))
        self._places = {}
        for name, key in self.keys.items():
            for spelling in spellings(name, key):
                for at, gram in enumerate(spelling.grams()):
                    self._places.setdefault(gram, []).append((spelling, at))
        self._grams = frozenset(int.from_bytes(gram, sys.byteorder) for gram in self._places)

    def __bool__(self) -> bool:
        return bool(self._exact)

    def found(self, text: str) -> str | None:
        """The name of a key that a text holds, or a piece of it; None for a text without any."""
        for exact, name in self._exact:
            if exact in text:
                return name
        return self._spelled_in(text)

    def hide(self, text: str) -> str:
        """The text without any key and any piece of one, nor the beginning of one at its end, where the text was cut."""
        for exact, _ in self._exact:
            if exact in text:
                text = text.replace(exact, HIDDEN)
        if self._spelled_in(text) is not None:
            text = _replaced(text, list(self._places_in(text)))
        for key in self.keys.values():
            begin = text.rfind(key[:LEAST_PART], max(0, len(text) - len(key))) if len(key) > LEAST_PART else -1
            if begin >= 0 and key.startswith(text[begin:]):
                text = text[:begin] + HIDDEN
        return text

    def _spelled_in(self, text: str) -> str | None:
        """The name of a key of which a text holds a piece in any spelling."""
        if not self._grams or len(text) < LEAST_KEY:
            return None
        plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
        run = next(self._runs(normal(plain)), None)
        if run is None and may_be_encoded(plain):
            # Without the places of characters, which take longer to keep than all the rest.
            readings = decoded(TextReading(plain))
            run = next((run for form in readings for run in self._runs(normal(form.text))), None)
        return None if run is None else run[0].name

    def _runs(self, letters: bytes) -> Iterator[tuple[Spelling, int, int]]:
        """Every piece of a key in a normal form: its spelling, begin and end."""
        seen = self._grams.intersection(memoryview(letters + b"\0" * (-len(letters) % GRAM)).cast("I"))
        for gram in (number.to_bytes(GRAM, sys.byteorder) for number in seen):
            at = letters.find(gram)
            while at >= 0:
                if at % GRAM == 0:
                    for spelling, mine in self._places[gram]:
                        run = spelling.common(letters, at, mine)
                        if run is not None:
                            yield spelling, *run
                at = letters.find(gram, at + 1)

    def _places_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Begin and end of every piece of a key in a text."""
        form = written(text)
        for reading in (form, *decoded(form)):
            kept = [at for at, character in enumerate(reading.text) if character.isascii() and character.isalnum()]
            for spelling, first, last in self._runs(normal(reading.text)):
                begin, end = reading.span(kept[first], kept[last - 1] + 1)
                yield _token(text, begin, end) if spelling.encoded else (begin, end)


def _exactly(key: str) -> list[str]:
    """A key as it is and as JSON writes it; a short one in its other usual spellings too, and cut at its ends."""
    plain = [key, json.dumps(key)[1:-1]]
    cut = [key[1:], key[:-1], key[1:-1], key[2:], key[:-2]] if LEAST_KEY <= len(key) < LEAST_PIECE + 2 else []
    plain += [part for part in cut if len(part) >= LEAST_KEY and not of_words(part)]
    if len(key) >= LEAST_PIECE:
        return plain
    data = base64.b64encode(key.encode("utf-8", "surrogatepass")).decode()
    return [*plain, quote(key, safe=""), quote_plus(key), html.escape(key), data]


def _token(text: str, begin: int, end: int) -> tuple[int, int]:
    """The whole run of letters of an encoding: its ends hold bits of the key as well."""
    while begin and text[begin - 1] in _TOKEN:
        begin -= 1
    while end < len(text) and text[end] in _TOKEN:
        end += 1
    return begin, end


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with these parts of it hidden, parts that overlap as one."""
    done: list[str] = []
    last = 0
    for begin, end in sorted(spans):
        if begin > last or not done:
            done += text[last:begin], HIDDEN
        last = max(last, end)
    return "".join((*done, text[last:]))
