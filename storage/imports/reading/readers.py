"""Files to rows: JSONL, Parquet, CSV and TSV, gzipped or not, one row at a time. Knows no field names.

Every row carries the place it came from, and everything that is wrong with a file is a SetupError that names the place.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from storage.ground.errors import SetupError
from storage.imports.reading.columnar import arrow_rows, distinct_names, parquet_rows
from storage.imports.reading.limits import MAX_BLANK, MAX_ROW, Unfolded

# csv refuses cells of more than 128 KiB by default; more than this is no C long on every platform.
_MAX_FIELD = 2**31 - 1
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
MAX_JSON = 512 << 20
"""Bytes of a JSON file that is read whole, unfolded."""
_LOG = re.compile(rb'\{\s*"(?:version|status|eval)"')  # Inspect's logs begin so and hold everything in one object
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_INK = re.compile(r"[^ \t\n\r]")
_WORDS = re.compile(r"[^a-z0-9]+")
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


def read_rows(path: Path, *, faulty: bool = False, max_bytes: int | None = None) -> Iterator[FileRow]:
    """The rows of a file, streamed. The suffix names the format; raises SetupError for anything unreadable.

    `faulty`: yield an unreadable row with its fault and its readable part. `max_bytes`: what
    the file may unfold to, by default as `Unfolded.of` says.
    """
    reader = _reader_of(path)
    empty = True
    try:
        for row in reader(path, Unfolded.of(path, max_bytes)):
            empty = False
            if row.fault is not None and not faulty:
                raise row.fault
            yield row
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror or error}.") from error
    if empty:
        raise SetupError(f"{path} has no rows; nothing was stored.")


def _reader_of(path: Path) -> Callable[[Path, Unfolded], Iterator[FileRow]]:
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
        mistake = "is not a file: an import reads its file twice" if path.exists() else "does not exist"
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


def _lines(path: Path, unfolded: Unfolded) -> Iterator[tuple[int, bytes]]:
    """Numbered raw lines; a gzip stream that ends early or is damaged is named with the line it reached."""
    number = blank = 0
    with _opened(path) as stream:
        while True:
            try:
                line = stream.readline(MAX_ROW + 1)  # one byte more, so that a longer row is noticed
            except GZIP_ERRORS as error:
                message = f"{path} is not a whole gzip file: {error} (after line {number}); nothing was stored."
                raise SetupError(message) from error
            if not line:
                return
            number += 1
            unfolded.check_row(len(line), f"line {number}")
            unfolded.add(len(line))
            blank = 0 if line.strip() else blank + 1
            if blank > MAX_BLANK:
                raise SetupError(f"{path} has more than {MAX_BLANK:,} blank lines up to line {number}; nothing was stored.")
            if number == 1 and line.startswith(_WIDE_MARKS):
                raise SetupError(f"{path} is UTF-16; save it as UTF-8. Nothing was stored.")
            yield number, line


def _decode(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")  # a byte order mark is at the beginning only
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise SetupError(
            f"{path}, line {number}: byte 0x{byte:02x} at position {error.start + 1} is not UTF-8; nothing was stored."
        ) from error


def _jsonl(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    for number, line in _lines(path, unfolded):
        where = f"line {number}"
        try:
            text = _decode(path, number, line)
            row = FileRow(where, _json_object(path, number, text)) if text.strip() else None
        except SetupError as error:
            row = FileRow(where, {"text": line.decode("utf-8", "replace")}, fault=error)
        if row is not None:
            yield row


def _json_array(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    """A .json file: an array of objects, a log with its samples, or one object per line like any other JSONL."""
    try:
        with _opened(path) as stream:
            begin = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
            content = begin + stream.read(MAX_JSON) if begin[:1] == b"[" or _LOG.match(begin) else b""
    except GZIP_ERRORS as error:
        raise SetupError(f"{path} is not a whole gzip file: {error}; nothing was stored.") from error
    if not content:
        yield from _jsonl(path, unfolded)
        return
    if len(content) > MAX_JSON:
        raise SetupError(f"{path} is larger than {MAX_JSON >> 20} MiB of JSON; write it as JSONL. Nothing was stored.")
    unfolded.add(len(content))
    for position, item in enumerate(_items(path, content), start=1):
        fault = None
        if not isinstance(item, dict):
            fault = SetupError(f"{path}, item {position} is not an object with named columns; nothing was stored.")
        yield FileRow(f"item {position}", {"item": item} if fault else item, fault=fault)


def _items(path: Path, content: bytes) -> Iterator[Any]:
    """The items of an array one at a time, as values they take many times their bytes; the samples of a log."""
    decoder = json.JSONDecoder(object_pairs_hook=_each_once)
    try:
        text = content.decode("utf-8-sig")
        at = _next(text, 0)
        if text[at] != "[":
            yield from _samples(path, decoder.decode(text[at:]))
            return
        at = _next(text, at + 1)
        while text[at] != "]":
            item, at = decoder.raw_decode(text, at)
            yield item
            at = _next(text, at)
            if text[at] not in ",]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            if text[at] == ",":
                at = _next(text, at + 1)
                if text[at] == "]":
                    raise json.JSONDecodeError("Expecting value", text, at)
        if text[at + 1 :].strip():
            raise json.JSONDecodeError("Extra data", text, at + 1)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path} is not whole JSON ({error}); nothing was stored.") from error


def _next(text: str, at: int) -> int:
    """The place of the next character other than white space; ValueError if there is none."""
    ink = _INK.search(text, at)
    if ink is None:
        raise json.JSONDecodeError("Expecting value", text, len(text))
    return ink.start()


def _samples(path: Path, log: Any) -> list[Any]:
    samples = log.get("samples") or []
    if not isinstance(samples, list):
        raise SetupError(f"{path}: its samples are not a list; nothing was stored.")
    return samples


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


def _csv(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return _delimited(path, ",", unfolded)


def _tsv(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return _delimited(path, "\t", unfolded)


def _delimited(path: Path, delimiter: str, unfolded: Unfolded) -> Iterator[FileRow]:
    """CSV rows; an empty cell is a missing value. A quoted cell may span lines: the row is named by its last line."""
    # The limit is one of the whole process, so it is put back once the file is read.
    before = csv.field_size_limit(_MAX_FIELD)
    held = 0

    def texts() -> Iterator[str]:
        nonlocal held
        for number, line in _lines(path, unfolded):
            held += len(line)
            unfolded.check_row(held, f"line {number}")
            yield _decode(path, number, line)

    # Without `strict` csv takes what follows a closing quote for more of the cell instead of refusing it.
    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            held = 0
            if not cells:
                continue
            if header is None:
                header = distinct_names(path, cells)
                continue
            if len(cells) != len(header):
                message = f"{path}, line {reader.line_num} has {len(cells)} cells where the header has {len(header)}"
                fault = SetupError(f"{message}; nothing was stored.")
                yield FileRow(f"line {reader.line_num}", {"cells": cells}, fault=fault)
                continue
            yield FileRow(f"line {reader.line_num}", {name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise SetupError(f"{path}, line {reader.line_num}: {error}; nothing was stored.") from error
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    if path.suffix.lower() == ".gz":
        raise SetupError(f"{path.name}: Parquet is compressed inside; unpack the .gz first.")
    return (FileRow(f"row {number}", values) for number, values in parquet_rows(path, unfolded))


def _arrow(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return (FileRow(f"row {number}", values) for number, values in arrow_rows(path, unfolded))


def _folder(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
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
    named = _named_splits(path)
    for file in files:
        split = split_of(file.relative_to(path), named)
        for row in _parquet(file, unfolded) if file.suffix == ".parquet" else _arrow(file, unfolded):
            own = split is None or any(name.lower() == "split" for name in row.values)
            values = row.values if own else {**row.values, "split": split}
            yield FileRow(f"{file.relative_to(path)}, {row.where}", values, "folder of datasets")


def _named_splits(path: Path) -> frozenset[str]:
    """The splits that a DatasetDict says it has; each is a folder."""
    try:
        names = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8")).get("splits", [])
    except (OSError, ValueError, AttributeError):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def split_of(file: Path, named: Collection[str] = ()) -> str | None:
    """The split of a file in a folder, by the names that `datasets` recognises: of its folders, then of the file itself."""
    if file.parts[0] in named:
        return file.parts[0]
    for part in (*file.parts[:-1], file.stem):
        words = _WORDS.split(part.lower())
        split = next((name for name, known in _SPLITS.items() if any(word in known for word in words)), None)
        if split is not None:
            return split
    return None


READERS: Mapping[str, Callable[[Path, Unfolded], Iterator[FileRow]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json_array,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".tsv": _tsv,
}
