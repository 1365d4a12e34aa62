"""Rows of Parquet and Arrow files, a few at a time by the bytes that they unfold to. Knows no field names."""

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.parquet_pages import BrokenPageError, pages_of
from rollmill.storage.imports.reading.arrow_sizes import declared_sizes
from rollmill.storage.imports.reading.limits import MAX_HELD, Unfolded

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 64  # rows that Parquet's reader decodes at once at most: it unfolds them whatever their length
_AT_ONCE, _BUFFER = 16 << 20, 1 << 20  # bytes of rows decoded together, and of a file read ahead
_LARGE_DICTIONARY, _FOLDED = 4 << 20, 30  # bytes of a dictionary as compressed; how much more a column unfolds to
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes of a value
_ARROW_FILE = b"ARROW1"
_MOST_ROWS = 65_536  # held together: a row of Python takes a hundred times what its nulls take in a batch
_NESTED = 16  # bytes of a value within a list while it is decoded: two levels, an offset, its validity
_ITEM = 8  # bytes of an item in a list of Python, whatever it took in the file

Values = dict[str, Any]


def parquet_rows(path: Path, unfolded: Unfolded) -> Iterator[tuple[int, Values]]:
    """(number from 1, values) of the rows of a Parquet file; SetupError if it is unreadable or too large."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number, rows = 0, _ROWS
    try:
        with pq.ParquetFile(path) as file:
            distinct_names(path, file.schema_arrow.names)
            folded, size = _folded_columns(file)
            unfolded.check(unfolded.bytes + size)
            rows = _rows_at_once(file, path, unfolded)
        # A buffer of its own: by default a whole column of a row group is read before its first page is unfolded.
        with pq.ParquetFile(path, read_dictionary=folded, buffer_size=_BUFFER) as file:
            for batch in file.iter_batches(batch_size=rows):
                for values in _rows(batch, unfolded, number):
                    number += 1
                    yield number, values
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError, BrokenPageError) as error:
        raise SetupError(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        message = f"{path}: a text within {rows} rows after row {number} is not UTF-8; nothing was stored."
        raise SetupError(message) from error


def arrow_rows(path: Path, unfolded: Unfolded) -> Iterator[tuple[int, Values]]:
    """The rows of an Arrow stream, as Hugging Face `datasets` writes it, or of an Arrow (Feather) file."""
    import pyarrow as pa

    number = 0
    try:
        with pa.memory_map(str(path)) as source:
            # Before any batch is unfolded, which happens to a batch as a whole.
            source.seek(8 if _is_file(source) else 0)
            for size in declared_sizes(source):
                unfolded.check(size)
        with pa.memory_map(str(path)) as source, _batches(source) as reader:
            distinct_names(path, reader.schema.names)
            batches = reader if isinstance(reader, pa.RecordBatchStreamReader) else _all(reader)
            for batch in batches:
                # Arrow trusts the offsets in a file: false ones would be read as memory of this process.
                batch.validate(full=True)
                _require_stored(batch.schema)
                for values in _rows(batch, unfolded, number):
                    number += 1
                    yield number, values
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, OverflowError, OSError) as error:
        raise SetupError(f"{path} is not a readable Arrow file: {str(error).splitlines()[0]}") from error


def _batches(source: "pa.MemoryMappedFile") -> "pa.RecordBatchStreamReader | pa.RecordBatchFileReader":
    """A reader of the form that the first bytes name."""
    import pyarrow as pa

    return pa.ipc.open_file(source) if _is_file(source) else pa.ipc.open_stream(source)


def _is_file(source: "pa.MemoryMappedFile") -> bool:
    """True if the first bytes are those of the file format; the source is then at its beginning again."""
    is_file = source.read(len(_ARROW_FILE)) == _ARROW_FILE
    source.seek(0)
    return bool(is_file)


def _require_stored(schema: "pa.Schema") -> None:
    """ArrowNotImplementedError for types whose values are stored once and stand for any number of rows."""
    import pyarrow as pa

    kinds = [field.type for field in schema]
    while kinds:
        kind = kinds.pop()
        if any(name in str(kind).split("<")[0] for name in ("_view", "run_end_encoded")):
            raise pa.ArrowNotImplementedError(f"columns of type {kind} are not read here")
        kinds += [kind.field(place).type for place in range(kind.num_fields)]


def _all(reader: "pa.RecordBatchFileReader") -> "Iterator[pa.RecordBatch]":
    return (reader.get_batch(place) for place in range(reader.num_record_batches))


def distinct_names(path: Path, cells: Iterable[str]) -> list[str]:
    """The names of columns; SetupError for two equal ones, of which a row as a dictionary would lose one."""
    names = [cell.strip() for cell in cells]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SetupError(f"{path} has two columns called {', '.join(map(repr, twice))}.")
    return names


def _rows(batch: "pa.RecordBatch", unfolded: Unfolded, before: int) -> Iterator[Values]:
    """The rows of a batch, unfolded part by part; SetupError if a row or the file is too large."""
    # A row costs something in every column, whatever it took in the file: null may be a billion rows of no byte.
    size = sum(map(_unfolded_bytes, batch.columns)) + _ITEM * batch.num_rows * batch.num_columns
    unfolded.check(unfolded.bytes + size)
    if (size > MAX_HELD and batch.num_rows > 1) or batch.num_rows > _MOST_ROWS:
        half = batch.num_rows // 2
        yield from _rows(batch.slice(0, half), unfolded, before)
        yield from _rows(batch.slice(half), unfolded, before + half)
        return
    unfolded.check_row(size if batch.num_rows == 1 else 0, f"row {before + 1}")
    unfolded.add(size)
    yield from batch.to_pylist()


def _unfolded_bytes(array: "pa.Array") -> int:
    """The bytes of an array, counting every dictionary value at each occurrence."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary) if _is_text(kind.value_type) else None
        return array.nbytes if lengths is None else int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(map(_unfolded_bytes, array.flatten()))
    if pa.types.is_map(kind):
        first, last = (int(array.offsets[place].as_py()) for place in (0, -1))
        parts = [part.slice(first, last - first) for part in (array.keys, array.items)]
        return sum(map(_unfolded_bytes, parts)) + _ITEM * (last - first)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        items = array.flatten()
        return _unfolded_bytes(items) + _ITEM * len(items)
    return int(array.nbytes)


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _rows_at_once(file: "pq.ParquetFile", path: Path, unfolded: Unfolded) -> int:
    """Rows to decode at once, by the largest mean length of a row in any page. SetupError where a value is too long, or
    the pages hold more than the file may unfold to.
    """
    longest: Counter[int] = Counter()
    whole = 0
    with path.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in range(file.metadata.num_row_groups):
            for place in range(file.metadata.num_columns):
                for page in pages_of(data, file.metadata.row_group(group).column(place)):
                    whole += page.bytes
                    length = page.bytes // max(1, page.values)
                    longest[place] = max(longest[place], 0 if page.of_dictionary else length)
                    unfolded.check_row(length, f"column {file.schema.column(place).path!r}: a value")
    unfolded.check(unfolded.bytes + whole)
    return max(1, min(_ROWS, _AT_ONCE // max(1, longest.total())))


def _folded_columns(file: "pq.ParquetFile") -> tuple[list[str], int]:
    """The text columns that may unfold to far more than they hold, and what all columns hold before that.

    Values of one width are counted at their size in memory: a few bytes of a file may encode any number of them.

    They are read as dictionaries, which takes several times as long as reading plain texts that differ.
    """
    names: dict[str, None] = {}
    size = 0
    for group in range(file.metadata.num_row_groups):
        for place in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(place)
            column = file.schema.column(place)
            width = _WIDTHS.get(chunk.physical_type) or column.length
            if column.max_repetition_level:  # a list of a billion nulls is one row of no byte
                width = max(width, _NESTED)
            size += max(chunk.total_uncompressed_size, chunk.num_values * width)
            if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page:
                continue
            dictionary = chunk.data_page_offset - (chunk.dictionary_page_offset or chunk.data_page_offset)
            if dictionary > _LARGE_DICTIONARY or chunk.total_uncompressed_size > _FOLDED * chunk.total_compressed_size:
                names[chunk.path_in_schema] = None
    return list(names), size
