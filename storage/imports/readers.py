"""Files to rows: JSONL, Parquet, CSV and TSV, gzipped or not, one row at a time. Knows no field names.

Every row carries the place it came from, and everything that is wrong with a file is a SetupError that names the place.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from storage.errors import SetupError

# csv refuses cells of more than 128 KiB by default; more than this is no C long on every platform.
_MAX_FIELD = 2**31 - 1
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
MAX_LINE = 64 << 20
"""Bytes of one line, unfolded: a small gzip file can hold a line that fills the memory."""
MAX_JSON = 512 << 20
"""Bytes of a JSON file that is read whole, unfolded."""
_PARQUET_ROWS = 2_000
_LOG = re.compile(rb'\{\s*"(?:version|status|eval)"')  # Inspect's logs begin so and hold everything in one object
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place in the file ("line 12", "row 12"), its columns, and the tool whose form it had."""

    where: str
    values: dict[str, Any]
    format: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, streamed. The suffix names the format; raises SetupError for anything unreadable."""
    reader = _reader_of(path)
    empty = True
    try:
        for row in reader(path):
            empty = False
            yield row
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror or error}.") from error
    if empty:
        raise SetupError(f"{path} has no rows; nothing was stored.")


def _reader_of(path: Path) -> Callable[[Path], Iterator[Row]]:
    if path.is_dir():
        return _folder
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    reader = READERS.get(suffixes[-1] if suffixes else "")
    if suffixes and suffixes[-1] == ".eval":
        raise SetupError(f"{path.name} is a packed Inspect log.", next_command=f"inspect log convert --to json {path}")
    if reader is None:
        raise SetupError(
            f"cannot tell the format of {path.name!r} from its suffix.", choices=(*READERS, "each also with .gz")
        )
    if not path.is_file():
        mistake = "is no file: an import reads its file twice" if path.exists() else "does not exist"
        raise SetupError(f"{path} {mistake}.", next_command=f"ls {path.parent}")
    return reader


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        if path.suffix.lower() != ".gz":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream  # type: ignore[misc]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered raw lines; a gzip stream that ends early or is damaged is named with the line it reached."""
    number = 0
    with _opened(path) as stream:
        while True:
            try:
                line = stream.readline(MAX_LINE + 1)
            except GZIP_ERRORS as error:
                message = f"{path} is not a whole gzip file: {error} (after line {number}); nothing was stored."
                raise SetupError(message) from error
            if not line:
                return
            number += 1
            if len(line) > MAX_LINE:
                raise SetupError(f"{path}, line {number} is longer than {MAX_LINE >> 20} MiB; nothing was stored.")
            if number == 1 and line.startswith(_WIDE_MARKS):
                raise SetupError(f"{path} is UTF-16; save it as UTF-8. Nothing was stored.")
            yield number, line


def _decode(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise SetupError(
            f"{path}, line {number}: byte 0x{byte:02x} at position {error.start + 1} is not UTF-8; nothing was stored."
        ) from error


def _jsonl(path: Path) -> Iterator[Row]:
    for number, line in _lines(path):
        text = _decode(path, number, line)
        if not text.strip():
            continue
        yield Row(f"line {number}", _json_object(path, number, text))


def _json_array(path: Path) -> Iterator[Row]:
    """A .json file: an array of objects, a log with its samples, or one object per line like any other JSONL."""
    try:
        with _opened(path) as stream:
            begin = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
            content = begin + stream.read(MAX_JSON) if begin[:1] == b"[" or _LOG.match(begin) else b""
    except GZIP_ERRORS as error:
        raise SetupError(f"{path} is not a whole gzip file: {error}; nothing was stored.") from error
    if not content:
        yield from _jsonl(path)
        return
    if len(content) > MAX_JSON:
        raise SetupError(f"{path} is larger than {MAX_JSON >> 20} MiB of JSON; write it as JSONL. Nothing was stored.")
    try:
        items = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path} is not whole JSON ({error}); nothing was stored.") from error
    if isinstance(items, dict):
        items = items.get("samples") or []
        if not isinstance(items, list):
            raise SetupError(f"{path}: its samples are no list; nothing was stored.")
    for position, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise SetupError(f"{path}, item {position} is not an object with named columns; nothing was stored.")
        yield Row(f"item {position}", item)


def _json_object(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise SetupError(f"{path}, line {number} is nested too deeply; nothing was stored.") from error
    except ValueError as error:
        what = "is cut off" if not text.endswith("\n") else "is not JSON"
        detail = str(getattr(error, "msg", error)).removesuffix(" at")
        column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SetupError(f"{path}, line {number} {what} ({detail}{column}); nothing was stored.") from error
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a text", bool: "a truth value"}.get(
            type(value), "null" if value is None else "a number"
        )
        raise SetupError(f"{path}, line {number} holds {kind}, not an object with named columns; nothing was stored.")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; one that gives a name twice is refused, for the first value would be lost."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return values


def _csv(path: Path) -> Iterator[Row]:
    return _delimited(path, ",")


def _tsv(path: Path) -> Iterator[Row]:
    return _delimited(path, "\t")


def _delimited(path: Path, delimiter: str) -> Iterator[Row]:
    """CSV rows; an empty cell is a missing value. A quoted cell may span lines: the row is named by its last line."""
    # The limit is one of the whole process, so it is put back once the file is read.
    before = csv.field_size_limit(_MAX_FIELD)
    # Without `strict` csv takes what follows a closing quote for more of the cell instead of refusing it.
    reader = csv.reader((_decode(path, n, line) for n, line in _lines(path)), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = _header(path, cells)
                continue
            if len(cells) != len(header):
                message = f"{path}, line {reader.line_num} has {len(cells)} cells where the header has {len(header)}"
                raise SetupError(f"{message}; nothing was stored.")
            yield Row(f"line {reader.line_num}", {name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise SetupError(f"{path}, line {reader.line_num}: {error}; nothing was stored.") from error
    finally:
        csv.field_size_limit(before)


def _header(path: Path, cells: Iterable[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SetupError(f"{path} has two columns called {', '.join(map(repr, twice))}.")
    return names


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".gz":
        raise SetupError(f"{path.name}: Parquet is compressed inside; unpack the .gz first.")
    numbers = count(1)
    try:
        with pq.ParquetFile(path) as file:
            # to_pylist makes a dictionary of a row, in which one of two equal names would be lost.
            _header(path, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for values in batch.to_pylist():
                    yield Row(f"row {next(numbers)}", values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError) as error:
        raise SetupError(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        after = next(numbers) - 1
        message = f"{path}: a text within {_PARQUET_ROWS} rows after row {after} is not UTF-8; nothing was stored."
        raise SetupError(message) from error


def _folder(path: Path) -> Iterator[Row]:
    """A folder of Parquet or Arrow files as Hugging Face `datasets` writes them, its files in the order of their names."""
    files = sorted(
        file
        for file in path.rglob("[!.]*")
        if file.suffix in (".parquet", ".arrow")
        # `datasets` leaves the results of map() and filter() beside the data under this name.
        and not file.name.startswith("cache-")
        and not any(part.startswith(".") for part in file.relative_to(path).parts)  # a workspace's own .rollmill, for one
    )
    if not files:
        raise SetupError(
            f"{path} is a folder without .parquet and .arrow files.", next_command=f"name one file in it: ls {path}"
        )
    for file in files:
        for row in _parquet(file) if file.suffix == ".parquet" else _arrow(file):
            yield Row(f"{file.relative_to(path)}, {row.where}", row.values, "folder of datasets")


def _arrow(path: Path) -> Iterator[Row]:
    import pyarrow as pa

    numbers = count(1)
    try:
        # `datasets` writes Arrow's stream format, which the reader of the file format refuses.
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            _header(path, stream.schema.names)
            for batch in stream:
                for values in batch.to_pylist():
                    yield Row(f"row {next(numbers)}", values)
    except (pa.ArrowInvalid, UnicodeDecodeError, OverflowError) as error:
        raise SetupError(f"{path} is not a readable Arrow stream: {str(error).splitlines()[0]}") from error


READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json_array,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".tsv": _tsv,
}
