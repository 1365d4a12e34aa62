"""Seal of a segment file: in its footer, the digest of everything else in the file.

The footer of a Parquet file lists the row groups, with the smallest and largest value of each column, then the pairs of key
and value, then two fields without texts of ours. A row's text can precede the seal but never follow it: the last match of
the seal's pattern is the seal. An earlier release took the first place with 64 zeros, which may be a value of a row;
`misplaced` finds those files, and `repair_statistics` gives them their correct bytes.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

KEY = "rollmill.seal"
OPEN = "0" * 64  # placeholder of the seal in an unsealed file
# A pair in Thrift's compact protocol: before each text a type byte, and its length, which is one byte below 128.
_BEFORE = bytes([0x18, len(KEY)]) + KEY.encode() + bytes([0x18, len(OPEN)])
_DIGEST = re.compile(rb"(?=([0-9a-f]{64}))")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A seal that overwrote a value of a row: offsets in the file of its place and of the right place."""

    seal: str
    at: int
    home: int


@dataclass(frozen=True, slots=True)
class _Footer:
    """The last part of a file, its offset, and the hash of everything before it."""

    start: int
    tail: bytes
    before: Any

    def digest(self, at: int, there: str) -> str:
        """The digest of the file with 64 other letters at an offset of the tail."""
        hashed = self.before.copy()
        hashed.update(self.tail[:at] + there.encode() + self.tail[at + len(OPEN) :])
        return str(hashed.hexdigest())


def seal(file: BinaryIO) -> str:
    """Write the seal into the footer of a finished file; the checksum of the whole file."""
    footer = _footer(file)
    home = _seal_offset(footer.tail)
    digest = footer.digest(home, OPEN)
    _put(file, footer.start + home, digest)
    return footer.digest(home, digest)


def is_whole(file: BinaryIO, digest: str) -> bool:
    """True for a file that is unchanged since it was sealed."""
    footer = _footer(file)
    return footer.digest(_seal_offset(footer.tail), OPEN) == digest


def is_open(file: BinaryIO) -> bool:
    """True for a file with an empty place for a seal."""
    tail = _read_footer(file)[1]
    return _BEFORE in tail and tail.startswith(OPEN.encode(), _seal_offset(tail))


def misplaced(file: BinaryIO) -> Misplaced | None:
    """Offsets of a seal that was written to the wrong place; None for any other file."""
    footer = _footer(file)
    for match in _DIGEST.finditer(footer.tail):
        digest, at = match[1].decode(), match.start()
        if digest != OPEN and footer.digest(at, OPEN) == digest:
            return Misplaced(digest, footer.start + at, footer.start + _seal_offset(footer.tail))
    return None


def repair_statistics(file: BinaryIO, wrong: Misplaced) -> str:
    """Restore the row's value and write the seal to its place; the checksum of the corrected file."""
    _put(file, wrong.at, OPEN)
    _put(file, wrong.home, wrong.seal)
    footer = _footer(file)
    return footer.digest(_seal_offset(footer.tail), wrong.seal)


def _seal_offset(tail: bytes) -> int:
    """Offset of the seal in the footer; ValueError without one."""
    return tail.rindex(_BEFORE) + len(_BEFORE)


def _put(file: BinaryIO, at: int, text: str) -> None:
    file.seek(at)
    file.write(text.encode())


def _read_footer(file: BinaryIO) -> tuple[int, bytes]:
    """Offset of the footer, and all bytes from there to the end."""
    size = file.seek(0, 2)
    # A Parquet file ends with the length of its footer in four bytes and the four bytes PAR1.
    file.seek(size - 8)
    start = size - 8 - int.from_bytes(file.read(4), "little")
    file.seek(start)
    return start, file.read()


def _footer(file: BinaryIO) -> _Footer:
    start, tail = _read_footer(file)
    # Nearly all of the file; every digest begins with it, so it is read and hashed once.
    before = hashlib.sha256()
    file.seek(0)
    left = start
    while left and (chunk := file.read(min(left, 1 << 20))):
        before.update(chunk)
        left -= len(chunk)
    return _Footer(start, tail, before)
