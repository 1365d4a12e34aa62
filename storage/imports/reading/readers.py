"""Files to rows: JSON, Parquet, Arrow, CSV and TSV, compressed or not, one row at a time. Knows no field names.

Every row carries the place it came from, and everything that is wrong with a file is a SetupError that names the place.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.columnar import arrow_rows, distinct_names, parquet_rows
from rollmill.storage.imports.reading.json_files import json_document, json_lines
from rollmill.storage.imports.reading.limits import MAX_ROW, Unfolded
from rollmill.storage.imports.reading.lines import COMPRESSED, FileRow, decoded, numbered_lines, opened
from rollmill.storage.imports.reading.splits import named_splits, split_of
from rollmill.storage.imports.reading.zip_members import packed_rows

# csv refuses cells of more than 128 KiB by default; more than this is no C long on every platform.
_MAX_FIELD = 2**31 - 1
_NAMED_SEPARATOR = re.compile(r"sep=(.)")  # the first line of a file that Excel is to open
_SEPARATORS = (",", ";", "\t", "|")


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
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    reader = READERS.get(suffixes[-1] if suffixes else "")
    if reader is None:
        raise SetupError(
            f"cannot tell the format of {path.name!r} from its suffix.",
            choices=(*READERS, "each also with .gz, .zst, .bz2 or .xz"),
        )
    if not path.is_file():
        mistake = "is not a file: an import may read its file again" if path.exists() else "does not exist"
        raise SetupError(f"{path} {mistake}.", next_command=f"ls {path.parent}")
    return reader


def _csv(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return _delimited(path, ",", unfolded)


def _tsv(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return _delimited(path, "\t", unfolded)


def _separator(path: Path, usual: str) -> str:
    """The separator of a file's cells: another than the usual one where only that one divides the header."""
    with opened(path) as stream:
        header = stream.readline(MAX_ROW).decode("utf-8-sig", "replace")
    if named := _NAMED_SEPARATOR.fullmatch(header.rstrip()):
        return named[1]
    with suppress(csv.Error):
        if len(next(csv.reader([header], delimiter=usual), [])) == 1:
            counts = {other: len(next(csv.reader([header], delimiter=other))) for other in _SEPARATORS}
            other = max(counts, key=lambda name: counts[name])
            return other if counts[other] > 1 else usual
    return usual


def _delimited(path: Path, usual: str, unfolded: Unfolded) -> Iterator[FileRow]:
    """CSV rows; an empty cell is a missing value. A quoted cell may span lines: the row is named by its last line."""
    delimiter = _separator(path, usual)
    form = "" if delimiter == usual else f"cells separated by {delimiter!r}"
    # The limit is one of the whole process, so it is put back once the file is read.
    before = csv.field_size_limit(_MAX_FIELD)
    held = 0

    def texts() -> Iterator[str]:
        nonlocal held
        for number, line in numbered_lines(path, unfolded):
            held += len(line)
            unfolded.check_row(held, f"line {number}")
            yield decoded(path, number, line)

    # Without `strict` csv takes what follows a closing quote for more of the cell instead of refusing it.
    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            held = 0
            if not cells or (header is None and reader.line_num == 1 and cells[0] == "sep=" and set(cells[1:]) == {""}):
                continue
            if header is None:
                header = distinct_names(path, cells)
                continue
            if len(cells) != len(header):
                message = f"{path}, line {reader.line_num} has {len(cells)} cells where the header has {len(header)}"
                fault = SetupError(f"{message}; nothing was stored.")
                yield FileRow(f"line {reader.line_num}", {"cells": cells}, fault=fault)
                continue
            values = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            yield FileRow(f"line {reader.line_num}", values, form)
    except csv.Error as error:
        raise SetupError(f"{path}, line {reader.line_num}: {error}; nothing was stored.") from error
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    if path.suffix.lower() in COMPRESSED:
        raise SetupError(f"{path.name}: Parquet is compressed inside; unpack the {path.suffix} first.")
    return (FileRow(f"row {number}", values) for number, values in parquet_rows(path, unfolded))


def _arrow(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    return (FileRow(f"row {number}", values) for number, values in arrow_rows(path, unfolded))


def _folder(path: Path, unfolded: Unfolded) -> Iterator[FileRow]:
    """The rows of a folder of files of one kind, in the order of their names: shards, or what `datasets` writes."""
    files = sorted(
        file
        for file in path.rglob("[!.]*")
        if _kind_of(file)
        # `datasets` leaves the results of map() and filter() beside the data under this name.
        and not file.name.startswith("cache-")
        and not any(part.startswith(".") for part in file.relative_to(path).parts)  # a workspace's own .rollmill, for one
    )
    kinds = Counter(map(_kind_of, files))
    named_one = f"name one file in it: ls {path}"
    if not files:
        raise SetupError(f"{path} is a folder without files of rows.", choices=READERS, next_command=named_one)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items()))
        raise SetupError(f"{path} is a folder with files of several kinds ({counts}).", next_command=named_one)
    named = named_splits(path)
    for file in files:
        split = split_of(file.relative_to(path), named)
        for row in _reader_of(file)(file, unfolded):
            own = split is None or any(name.lower() == "split" for name in row.values)
            values = row.values if own else {**row.values, "split": split}
            where = f"{file.relative_to(path)}, {row.where}"
            yield FileRow(where, values, row.format or "folder of datasets", row.fault)


def _kind_of(file: Path) -> str:
    """The suffix of a file of rows; "" for any other file, such as those that describe a dataset."""
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() not in COMPRESSED]
    described = file.name in ("dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json", "config.json")
    # The numbers that lm-evaluation-harness writes beside its samples.
    described |= file.name.startswith("results_") and any(file.parent.glob("samples_*.jsonl"))
    return suffixes[-1] if suffixes and suffixes[-1] in READERS and not described and file.is_file() else ""


READERS: Mapping[str, Callable[[Path, Unfolded], Iterator[FileRow]]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_document,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".csv": _csv,
    ".tsv": _tsv,
    ".eval": packed_rows,
}
