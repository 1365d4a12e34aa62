"""Text files as numbered lines, plain or compressed, and the row that every reader gives. Knows no formats."""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from shlex import quote
from typing import IO, Any

from rollmill.ground.errors import SetupError
from rollmill.ground.files import plain
from rollmill.storage.imports.reading.limits import MAX_BLANK, MAX_ROW, Unfolded

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
"""Suffixes of compressed text files, and the names of their compressions."""
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError)
"""What reading a compressed file that is damaged or ends early may raise."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: its place in the file ("line 12", "row 12"), its columns, and the tool whose form it had.

    `fault`: the reason why it cannot be read.
    """

    where: str
    values: dict[str, Any]
    format: str = ""
    fault: SetupError | None = None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The unfolded bytes of a file; SetupError where a compressed one is damaged or ends early."""
    kind = COMPRESSED.get(path.suffix.lower())
    with open(path, "rb", opener=plain) as raw:
        if kind is None:
            yield raw
        elif kind == "gzip":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream  # type: ignore[misc]
        elif kind == "xz":
            with lzma.LZMAFile(raw) as stream_xz:
                yield stream_xz
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(raw, "r"), kind) as unfolded:
                yield BufferedReader(unfolded)


def damaged(path: Path, error: Exception, after: str = "") -> SetupError:
    """The error for a compressed file whose stream is damaged or ends early."""
    kind = COMPRESSED.get(path.suffix.lower(), "compressed")
    return SetupError(f"{path} is not a whole {kind} file: {error}{after}; nothing was stored.")


def is_damage(path: Path, error: Exception) -> bool:
    """True for an error that a decompressor raises; an OSError of a plain file is the disk's."""
    broken = isinstance(error, EOFError | gzip.BadGzipFile | zlib.error | lzma.LZMAError)
    return broken or (path.suffix.lower() in COMPRESSED and isinstance(error, OSError) and error.errno is None)


def numbered_lines(path: Path, unfolded: Unfolded) -> Iterator[tuple[int, bytes]]:
    """Numbered raw lines; a compressed stream that ends early or is damaged is named with the line it reached."""
    number = blank = 0
    with opened(path) as stream:
        while True:
            try:
                line = stream.readline(MAX_ROW + 1)  # one byte more, so that a longer row is noticed
            except DAMAGE as error:
                if is_damage(path, error):
                    raise damaged(path, error, f" (after line {number})") from error
                raise
            if not line:
                return
            number += 1
            unfolded.check_row(len(line), f"line {number}")
            unfolded.add(len(line))
            blank = 0 if line.strip() else blank + 1
            if blank > MAX_BLANK:
                raise SetupError(f"{path} has more than {MAX_BLANK:,} blank lines up to line {number}; nothing was stored.")
            if number == 1 and (line.startswith(_WIDE_MARKS) or b"\x00" in line[:4]):
                form = "UTF-16" if line.startswith(_WIDE_MARKS) else "UTF-16BE" if line[:1] == b"\x00" else "UTF-16LE"
                raise SetupError(
                    f"{path} is UTF-16; save it as UTF-8. Nothing was stored.", next_command=_converted(path, form)
                )
            yield number, line


def decoded(path: Path, number: int, line: bytes) -> str:
    """A line as text; SetupError naming the byte that is not UTF-8."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")  # a byte order mark is at the beginning only
    except UnicodeDecodeError as error:
        raise not_utf8(path, f"line {number}", error) from error


def not_utf8(path: Path, where: str, error: UnicodeDecodeError) -> SetupError:
    """The error for text that is not UTF-8, mostly a file of Windows, with the command that converts it."""
    byte = error.object[error.start]
    return SetupError(
        f"{path}, {where}: byte 0x{byte:02x} at position {error.start + 1} is not UTF-8; nothing was stored.",
        next_command=_converted(path, "CP1252"),
    )


def _converted(path: Path, encoding: str) -> str:
    names = quote(str(path)), quote(f"{path.stem}-utf8{path.suffix}")
    return f"iconv -f {encoding} -t UTF-8 {names[0]} > {names[1]}"
