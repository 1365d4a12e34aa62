"""Spellings of a secret key in a text: as it is, backwards, in hexadecimal digits, in base64 at its three alignments.

Each spelling is reduced to its normal form, lower-case letters and digits alone: white space, line breaks, escapes of
punctuation, zero-width characters and the case of letters make no difference. A piece of `LEAST_PIECE` characters of a key
is as good as the key, unless it is made of words, of digits alone, or of the beginning that all keys of a provider share.
"""

import base64
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

LEAST_KEY = 8
"""Characters of a key that is searched for in other spellings; a shorter one is looked for as it is."""
LEAST_PIECE = 12
"""Characters of a piece of a key that is treated as the key."""
GRAM = 4
"""Characters of the grams by which a text that holds no key is told quickly."""
_LEAST_NORMAL = 8  # letters and digits of a piece; every run of so many holds a whole gram that begins at a multiple of 4
_OWN = 8  # characters of a piece that are the key's own and not of its public beginning
_LONG = 24  # letters and digits from which on a piece of words is one of the key
_PREFIX = re.compile(
    r"https?://[^/]*/(?:services/|api/webhooks/)?|eyJ[\w-]*\.|github_pat_|AKIA|ASIA|AIzaSy|ya29\.|SG\.|pypi-|"
    r"sk-ant-api\d\d-|(?:[A-Za-z]{1,8}\d{0,2}[-_]){1,3}"
)
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-xz]{5}", re.IGNORECASE)  # in a row, as next to no word has them
_SEGMENT = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LETTERS = (string.ascii_letters + string.digits).encode()
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_OTHERS = bytes(byte for byte in range(256) if byte not in _LETTERS)


def normal(text: str) -> bytes:
    """The lower-case letters and digits of a text."""
    return text.encode("utf-8", "surrogatepass").translate(_LOWER, _OTHERS)


@dataclass(frozen=True, slots=True)
class Spelling:
    """One spelling of a key in normal form. `places`: the key's character that each letter of `text` stands for."""

    name: str
    key: str
    text: bytes
    places: tuple[int, ...]
    encoded: bool

    def grams(self) -> Iterator[bytes]:
        """Every run of `GRAM` letters."""
        return (self.text[at : at + GRAM] for at in range(len(self.text) - GRAM + 1))

    def common(self, text: bytes, at: int, mine: int) -> tuple[int, int] | None:
        """(begin, end) in `text` of the longest common run around a common gram; None if it is too little of the key."""
        begin, end = 0, GRAM
        while at > begin and mine > begin and text[at - begin - 1] == self.text[mine - begin - 1]:
            begin += 1
        while at + end < len(text) and mine + end < len(self.text) and text[at + end] == self.text[mine + end]:
            end += 1
        return (at - begin, at + end) if self._tells(mine - begin, mine + end) else None

    def _tells(self, begin: int, end: int) -> bool:
        places = self.places[begin], self.places[end - 1]
        first, last = min(places), max(places)
        # Punctuation at both ends belongs to the piece, though the normal form has none.
        while first and not _is_letter(self.key[first - 1]):
            first -= 1
        while last + 1 < len(self.key) and not _is_letter(self.key[last + 1]):
            last += 1
        span = last - first + 1
        least = min(LEAST_PIECE, max(LEAST_KEY, len(self.key) - 2))
        own = last + 1 - max(first, public_length(self.key))
        if end - begin < _LEAST_NORMAL or own < min(_OWN, len(self.key) - public_length(self.key)):
            return False
        if self.encoded:
            return span >= least - 1  # the letters at both ends of a piece in base64 depend on its neighbours too
        return span >= least and not of_words(self.key[first : last + 1])


def spellings(name: str, key: str) -> list[Spelling]:
    """The spellings of a key that are searched for; none for one with too few letters and digits."""
    data = key.encode("utf-8", "surrogatepass")
    plain = _kept(key.encode("ascii", "replace"), range(len(key)))
    forms = [(*plain, False), (plain[0][::-1], plain[1][::-1], False)]
    forms.append((*_kept(data.hex().encode(), (at // 2 for at in range(2 * len(data)))), True))
    for shift in range(3):
        letters = base64.b64encode(b"\0" * shift + data)
        # A letter holds six bits, of one byte or of two, which must both be the key's.
        held = [(6 * at // 8 - shift, (6 * at + 5) // 8 - shift) for at in range(len(letters))]
        inside = [at for at, (first, last) in enumerate(held) if first >= 0 and last < len(data)]
        forms.append((*_kept(bytes(letters[at] for at in inside), (held[at][0] for at in inside)), True))
    long = [form for form in forms if len(form[0]) >= _LEAST_NORMAL]
    return [Spelling(name, key, text, places, encoded) for text, places, encoded in long if len(key) >= LEAST_KEY]


def public_length(key: str) -> int:
    """Characters of the beginning that all keys of a provider share (`sk-proj-`, `hf_`), at most half of the key."""
    match = _PREFIX.match(key)
    return 0 if match is None or 2 * match.end() > max(len(key), 2 * 36 * key.startswith("eyJ")) else match.end()


def _kept(letters: bytes, places: "range | Iterator[int]") -> tuple[bytes, tuple[int, ...]]:
    """The letters and digits, with the places of what is left."""
    pairs = [(letter, place) for letter, place in zip(letters, places, strict=True) if letter in _LETTERS]
    return bytes(letter for letter, _ in pairs).translate(_LOWER), tuple(place for _, place in pairs)


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalnum()


def of_words(piece: str) -> bool:
    """True if a piece could stand in ordinary text: words, numbers, a word with a number."""
    if sum(map(_is_letter, piece)) >= _LONG or _CONSONANTS.search(piece):
        return False
    segments = _SEGMENT.findall(piece)
    digits = any(segment.isdigit() for segment in segments)
    return len(segments) < (3 if digits else 4)
