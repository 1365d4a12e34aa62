"""JSON files to rows: an object per line, an array of objects, and objects that hold their rows.

An object that holds its rows is a log with its samples, a list under one key (`{"data": [...]}`), or a table as pandas
writes it (`orient` columns, index, list, split or table). Any other object is a row.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.limits import MAX_ROW, Unfolded
from rollmill.storage.imports.reading.lines import (
    DAMAGE,
    FileRow,
    damaged,
    decoded,
    is_damage,
    not_utf8,
    numbered_lines,
    opened,
)
from rollmill.storage.imports.reading.splits import split_of
from rollmill.storage.imports.reading.turns import is_conversation

MAX_JSON = 512 << 20
"""Bytes of a JSON file that is read whole, unfolded."""
_LOG = re.compile(rb'\{\s*"(?:version|status|eval)"')  # Inspect's logs begin so and hold everything in one object
_INK = re.compile(r"[^ \t\n\r]")
_HOLDERS = (
    "data",
    "rows",
    "examples",
    "instances",
    "problems",
    "questions",
    "items",
    "records",
    "samples",
    "results",
    "request_states",
)


def json_lines(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    """The rows of a file with one JSON object per line."""
    for number, line in numbered_lines(path, unfolded):
        where = f"line {number}"
        try:
            text = decoded(path, number, line)
            row = FileRow(where, json_object(path, number, text)) if text.strip() else None
        except SetupError as error:
            row = FileRow(where, {"text": line.decode("utf-8", "replace")}, fault=error)
        if row is not None:
            yield row


def json_document(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    """The rows of a `.json` file: of an array, of one object that holds them, or of one object per line."""
    try:
        with opened(path) as stream:
            first = stream.readline(MAX_ROW)
            begin = first.lstrip(b"\xef\xbb\xbf \t\r\n")
            while first and not begin:
                first = stream.readline(MAX_ROW)
                begin = first.strip()
            whole = begin[:1] == b"[" or _LOG.match(begin) or (begin[:1] == b"{" and not _one_a_line(begin, stream))
            content = _content(path) if whole else b""
    except DAMAGE as error:
        if is_damage(path, error):
            raise damaged(path, error) from error
        raise
    if not content:
        yield from json_lines(path, unfolded)
        return
    if len(content) > MAX_JSON:
        raise SetupError(f"{path} is larger than {MAX_JSON >> 20} MiB of JSON; write it as JSONL. Nothing was stored.")
    unfolded.add(len(content))
    for position, value in enumerate(_items(path, content), start=1):
        fault = None
        item = {"conversations": value} if isinstance(value, list) and is_conversation(value) else value
        if not isinstance(item, dict):
            fault = SetupError(f"{path}, item {position} is not an object with named columns; nothing was stored.")
        yield FileRow(f"item {position}", {"item": item} if fault else item, fault=fault)


def _content(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read(MAX_JSON + 1)


def _one_a_line(line: bytes, stream: Any) -> bool:
    """True for a first line that is an object of its own with more lines behind it."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        # A line that ends where an object ends is a broken row, and no part of an object over several lines.
        return line.rstrip().endswith(b"}")
    return any(line.strip() for line in iter(partial(stream.readline, MAX_ROW), b""))


def _items(path: Path, content: bytes) -> Iterator[Any]:
    """The items of an array one at a time, as values they take many times their bytes; the rows of an object."""
    decoder = json.JSONDecoder(object_pairs_hook=each_once)
    try:
        text = content.decode("utf-8-sig")
        at = _next(text, 0)
        if text[at] != "[":
            yield from _rows_of(path, decoder.decode(text[at:]))
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
    except UnicodeDecodeError as error:
        raise not_utf8(path, f"byte {error.start + 1:,}", error) from error
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{path} is not whole JSON ({error}); nothing was stored.") from error


def _next(text: str, at: int) -> int:
    """The place of the next character other than white space; ValueError if there is none."""
    ink = _INK.search(text, at)
    if ink is None:
        raise json.JSONDecodeError("Expecting value", text, len(text))
    return ink.start()


def _rows_of(path: Path, value: Any) -> list[Any]:
    """The rows that an object holds; the object itself where it is a row."""
    if not isinstance(value, dict):
        raise SetupError(f"{path} holds no rows: it is not an array or an object; nothing was stored.")
    if next(iter(value), "") in ("version", "status", "eval") and {"samples", "eval"} & value.keys():
        samples = value.get("samples") or []
        if not isinstance(samples, list):
            raise SetupError(f"{path}: its samples are not a list; nothing was stored.")
        return samples
    table = _split_table(value)
    if table is not None:
        return table
    lists = [key for key, cell in value.items() if isinstance(cell, list) and cell and all(map(_is_object, cell))]
    known = [key for key in lists if key.lower() in _HOLDERS]
    held = [cell for key, cell in value.items() if key.lower() in _HOLDERS and isinstance(cell, dict)]
    # A list in an object in the file's object, as promptfoo writes its results.
    if not lists and len(held) == 1 and (inside := _rows_of(path, held[0])) != [held[0]]:
        return inside
    if len(lists) == len(value) > 1 and any(split_of(Path(key)) for key in lists):
        return [{**_inner(row), "split": split_of(Path(key)) or key} for key in lists for row in value[key]]
    # Beside other cells a list of objects may be a cell of one row, such as its messages.
    if len(known) == 1 or (lists and len(value) == 1):
        return [_inner(row) for row in value[(known or lists)[0]]]
    return _columns_table(value) or [value]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _inner(row: Any) -> Any:
    """The row in `{"row_idx": 0, "row": {...}}`, as the viewer of Hugging Face's datasets writes it."""
    return row["row"] if "row_idx" in row and isinstance(row.get("row"), dict) else row


def _split_table(value: Mapping[str, Any]) -> list[Any] | None:
    """The rows of `{"columns": [...], "data": [[...], ...]}`; None for another object."""
    names, cells = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(cells, list) or not all(isinstance(name, str) for name in names):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in cells):
        return None
    return [dict(zip(names, row, strict=True)) for row in cells]


def _columns_table(value: Mapping[str, Any]) -> list[Any] | None:
    """The rows of an object of columns, or of rows by their index; None for another object."""
    cells = list(value.values())
    if cells and all(isinstance(cell, list) and len(cell) == len(cells[0]) > 1 for cell in cells) and len(value) > 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*cells, strict=True)]
    if not cells or not all(isinstance(cell, dict) and cell for cell in cells):
        return None
    if all(cell.keys() == cells[0].keys() for cell in cells) and all(key.isdigit() for key in cells[0]):
        return [{name: column[place] for name, column in value.items()} for place in cells[0]]
    # Rows by their number, or by any other key that all of them share no column with.
    if len(cells) > 1 and (all(key.isdigit() for key in value) or all(cell.keys() == cells[0].keys() for cell in cells)):
        return [{"id": key, **row} for key, row in value.items()]
    return None


def json_object(path: Path, number: int, text: str) -> dict[str, Any]:
    """A line as an object; SetupError for anything else."""
    try:
        value = _ROW.decode(text)
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


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; one that gives a name twice is refused, for the first value would be lost."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"{next(name for name, count in names.items() if count > 1)[:80]!r} is given twice")
    return values


_ROW = json.JSONDecoder(object_pairs_hook=each_once)
