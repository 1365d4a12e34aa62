"""The members of a zip file, those compressed by zstandard too, as Inspect writes them; Python's zipfile cannot read these.

Every member is read against its length and checksum; a file that is cut off or damaged is one clear error.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.files import plain
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.json_files import json_object
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.imports.reading.lines import FileRow

_ZSTANDARD = 93  # the number of the method in the zip format (APPNOTE 4.4.5)
# Not LZMA and bzip2, which no tool writes: a few bytes make their readers take gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTANDARD)
_MOST_MEMBERS = 250_000
_DIRECTORY = struct.Struct("<4x6xHII")  # the end record: entries, bytes of the directory, its place (APPNOTE 4.3.16)
_LARGE_DIRECTORY = struct.Struct("<4x8x12x8xQQQ")  # the same in the ZIP64 end record (APPNOTE 4.3.14)
_LEAST_ENTRY = 46  # bytes of a member in the directory
_HEADER = struct.Struct("<26xHH")  # a member's local header ends with the lengths of its name and its extra field


def packed_rows(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    """The samples of a packed log as rows, whether its evaluation ended or not."""
    for number, (name, text) in enumerate(packed_samples(path, unfolded)[1], start=1):
        unfolded.check_row(len(text), name)
        try:
            yield FileRow(name, json_object(path, number, text))
        except SetupError as error:
            yield FileRow(name, {"text": text}, fault=error)


def packed_samples(path: Path, unfolded: Unfolded) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The members of a packed log of Inspect by name, and its samples: their names and texts. SetupError without any."""
    members = {name: _text(path, name, content) for name, content in zip_members(path, unfolded).items()}
    if any(name.startswith("samples/") and name.endswith("/skeleton.json") for name in members):
        raise log_error(path, "its samples are cut into pieces, which is not read here", "inspect log convert --to json")
    samples = [(name, text) for name, text in members.items() if name.startswith("samples/")]
    if not samples:
        raise log_error(path, "it holds no samples (log_samples was off)")
    return {name: text for name, text in members.items() if not name.startswith("samples/")}, samples


def _text(path: Path, name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise log_error(path, f"{name} in it is not UTF-8") from error


def zip_members(path: Path, unfolded: Unfolded) -> Mapping[str, bytes]:
    """All members by name, in the order of the file. SetupError for a file that is not whole or unfolds to too much."""
    try:
        _require_few(path)
        with open(path, "rb", opener=plain) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _require_plain(path, members)
            unfolded.add(sum(member.file_size for member in members))  # before any of them is read
            return {member.filename: _content(path, file, archive, member) for member in members}
    except (zipfile.BadZipFile, EOFError, struct.error) as error:
        raise log_error(path, f"it is not a whole zip file ({error})") from error
    except (OSError, zlib.error, NotImplementedError, ValueError, OverflowError) as error:
        raise log_error(path, f"a member of it cannot be read ({error})") from error


def _require_few(path: Path) -> None:
    """SetupError for more members than a log has: Python holds the whole directory, many times its bytes."""
    size = path.stat().st_size
    with open(path, "rb", opener=plain) as file:
        file.seek(max(0, size - (1 << 16) - 22))
        end = file.read()
    at = end.rfind(b"PK\5\6")
    if at < 0:
        raise zipfile.BadZipFile("it has no directory")
    entries, length, _ = _DIRECTORY.unpack_from(end, at)
    large = end.rfind(b"PK\6\6", 0, at)
    if large >= 0:
        entries, length, _ = _LARGE_DIRECTORY.unpack_from(end, large)
    # The count is not believed: the directory is read to its end, whatever was counted.
    if max(entries, min(length, size) // (4 * _LEAST_ENTRY)) > _MOST_MEMBERS:
        raise log_error(path, f"it has more than {_MOST_MEMBERS:,} members")


def _require_plain(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """SetupError for members that share bytes, that a log does not have, or that are compressed in other ways."""
    if len(members) > _MOST_MEMBERS:
        raise log_error(path, f"it has more than {_MOST_MEMBERS:,} members")
    if sum(member.compress_size for member in members) > path.stat().st_size:
        raise log_error(path, "members of it overlap")
    if len({member.filename for member in members}) < len(members):
        raise log_error(path, "two members of it have one name")
    for member in members:
        if member.compress_type not in _METHODS:
            raise log_error(path, f"{member.filename[:80]!r} in it is compressed by method {member.compress_type}")
        if member.flag_bits & 1:
            raise log_error(path, f"{member.filename[:80]!r} in it is encrypted")


def _content(path: Path, file: IO[bytes], archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type != _ZSTANDARD:
        with archive.open(member) as stream:
            return stream.read(member.file_size + 1)  # without a length, all that it holds would be unfolded first
    file.seek(member.header_offset)
    name, extra = _HEADER.unpack(file.read(_HEADER.size))
    file.seek(name + extra, 1)
    packed = pa.BufferReader(file.read(member.compress_size))
    with pa.CompressedInputStream(packed, "zstd") as stream:
        content: bytes = stream.read(member.file_size + 1)  # one more shows a member that says less than it holds
    if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
        raise log_error(path, f"{member.filename} in it is damaged")
    return content
