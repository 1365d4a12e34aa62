"""The members of a zip file, those compressed by zstandard too, as Inspect writes them; Python's zipfile cannot read these.

Every member is read against its length and checksum; a file that is cut off or damaged is one clear error.
"""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pyarrow as pa

from flows.adopting.evaluation_log import log_error
from storage.imports.reading.limits import Unfolded

_ZSTANDARD = 93  # the number of the method in the zip format (APPNOTE 4.4.5)
_HEADER = struct.Struct("<26xHH")  # a member's local header ends with the lengths of its name and its extra field


def zip_members(path: Path, unfolded: Unfolded) -> Mapping[str, bytes]:
    """All members by name, in the order of the file. SetupError for a file that is not whole or unfolds to too much."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            unfolded.add(sum(member.file_size for member in members))  # before any of them is read
            return {member.filename: _content(path, file, archive, member) for member in members}
    except (zipfile.BadZipFile, EOFError, struct.error) as error:
        raise log_error(path, f"it is not a whole zip file ({error})") from error
    except (OSError, zlib.error, NotImplementedError) as error:
        raise log_error(path, f"a member of it cannot be read ({error})") from error


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
