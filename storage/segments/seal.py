"""Seal of a segment file: in its footer, the digest of everything else in the file.

The footer of a Parquet file lists the row groups, with the smallest and largest value of each column, then the pairs of key
and value, then two fields without texts of ours. What a row says can stand before the seal and never after it: the last
place that looks like the seal is the seal. An earlier release took the first place with 64 zeros, which may be a value
of a row; `misplaced` finds those files, and `mend` gives them the bytes that they would have had.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

KEY = "rollmill.seal"
OPEN = "0" * 64  # what stands in the place of the seal before the file is sealed
# A pair in Thrift's compact protocol: before each text a byte that says so, and its length, which is one byte below 128.
_BEFORE = bytes([0x18, len(KEY)]) + KEY.encode() + bytes([0x18, len(OPEN)])
_DIGEST = re.compile(rb"(?=([0-9a-f]{64}))")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A seal that stands where the value of a row was: offsets in the file of both places."""

    seal: str
    at: int
    home: int


@dataclass(frozen=True, slots=True)
class _Footer:
    """The last part of a file, where it begins, and the hash of all that stands before it."""

    start: int
    tail: bytes
    before: Any

    def digest(self, at: int, there: str) -> str:
        """The digest of the file with 64 other letters at a place of the tail."""
        hashed = self.before.copy()
        hashed.update(self.tail[:at] + there.encode() + self.tail[at + len(OPEN) :])
        return str(hashed.hexdigest())


def seal(file: BinaryIO) -> str:
    """Write the seal of a finished file into its footer; the checksum of the whole file with it."""
    footer = _footer(file)
    home = _home(footer.tail)
    digest = footer.digest(home, OPEN)
    _put(file, footer.start + home, digest)
    return footer.digest(home, digest)


def is_whole(file: BinaryIO, digest: str) -> bool:
    """Whether a file with this seal is as it was when it was sealed."""
    footer = _footer(file)
    return footer.digest(_home(footer.tail), OPEN) == digest


def is_open(file: BinaryIO) -> bool:
    """Whether a file has a place for a seal and none in it."""
    tail = _tail(file)[1]
    return _BEFORE in tail and tail.startswith(OPEN.encode(), _home(tail))


def misplaced(file: BinaryIO) -> Misplaced | None:
    """Where the seal of a file without one stands instead; None where it stands nowhere."""
    footer = _footer(file)
    for match in _DIGEST.finditer(footer.tail):
        digest, at = match[1].decode(), match.start()
        if digest != OPEN and footer.digest(at, OPEN) == digest:
            return Misplaced(digest, footer.start + at, footer.start + _home(footer.tail))
    return None


def mend(file: BinaryIO, wrong: Misplaced) -> str:
    """Give the row its value back and put the seal where it belongs; the checksum of the file as it is now."""
    _put(file, wrong.at, OPEN)
    _put(file, wrong.home, wrong.seal)
    footer = _footer(file)
    return footer.digest(_home(footer.tail), wrong.seal)


def _home(tail: bytes) -> int:
    """Where in the footer the seal stands; ValueError where it has none."""
    return tail.rindex(_BEFORE) + len(_BEFORE)


def _put(file: BinaryIO, at: int, text: str) -> None:
    file.seek(at)
    file.write(text.encode())


def _tail(file: BinaryIO) -> tuple[int, bytes]:
    """Where the footer begins, and all from there to the end."""
    size = file.seek(0, 2)
    # A Parquet file ends with the length of its footer in four bytes and the four bytes PAR1.
    file.seek(size - 8)
    start = size - 8 - int.from_bytes(file.read(4), "little")
    file.seek(start)
    return start, file.read()


def _footer(file: BinaryIO) -> _Footer:
    start, tail = _tail(file)
    # Nearly all of the file; every digest of it begins alike, so this part is read and hashed once.
    before = hashlib.sha256()
    file.seek(0)
    left = start
    while left and (chunk := file.read(min(left, 1 << 20))):
        before.update(chunk)
        left -= len(chunk)
    return _Footer(start, tail, before)
