"""Bytes that a shard of a version unfolds to: a received one of ten megabytes may hold gigabytes.

The footer of a Parquet file says how large its columns are, and may lie: readers take their memory by the headers of the
pages, which are compared as well. Values of a dictionary are counted at their mean length wherever they occur; where a long
value among short ones could hide in that mean, the texts of the column are measured one by one.
"""

import mmap
import os
from collections import Counter
from pathlib import Path

from rollmill.ground.errors import FoundWanting
from rollmill.ground.files import plain
from rollmill.ground.formats.parquet_pages import ColumnChunk, pages_of
from rollmill.storage.segments.instance import shared_cursor
from rollmill.storage.segments.views import files, quoted_name

MOST = 512_000_000
"""Bytes of one shard: eight times what this program writes into one."""
KEY = "ROLLMILL_SHARD_BYTES"
"""Environment variable with another limit."""
_WIDTH = 8  # bytes of a value in memory, whatever it takes in the file
_MEASURED: set[tuple[object, ...]] = set()


def most_bytes() -> int:
    """The limit of one shard. FoundWanting for a variable that is no number."""
    given = os.environ.get(KEY, "")
    if given and not (given.isascii() and given.isdecimal()):
        raise FoundWanting(f"{KEY}={given[:40]!r} is no number of bytes.", next_command=f"{KEY}={4 * MOST}")
    return int(given or MOST)


def require_small(path: Path, ref: str) -> None:
    """FoundWanting for a shard that unfolds to more than the limit, before any row of it is read. An absent one passes."""
    import duckdb

    if not path.is_file():
        return
    most, state = most_bytes(), path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns, state.st_ino, most)
    if key in _MEASURED:
        return
    try:
        size = _size(path)
    except (duckdb.Error, ValueError, OSError, OverflowError) as error:
        raise FoundWanting(
            f"{path.name} of {ref} is no readable Parquet file: {str(error).splitlines()[0][:200]}."
        ) from error
    if size > most:
        raise FoundWanting(
            f"{path.name} of {ref} unfolds to {size:,} bytes, and {most:,} is the most that is read.",
            next_command=f"{KEY}={2 * size}, if you trust whoever published it",
        )
    _MEASURED.add(key)


def _size(path: Path) -> int:
    """Bytes of all columns in memory, by the footer or by the pages, whichever are more."""
    with shared_cursor() as cursor, open(path, "rb", opener=plain) as file:
        source = files([str(path)])
        columns = ", ".join(ColumnChunk._fields)
        rows = cursor.sql(
            f"select row_group_num_rows, path_in_schema, type, {columns} from parquet_metadata({source})"  # noqa: S608
        ).fetchall()
        total, most_of_texts = 0, Counter[str]()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for group_rows, column, kind, *values in rows:
                size, most = _chunk_size(data, ColumnChunk(*values), group_rows)
                total += size
                most_of_texts[column] += most if kind == "BYTE_ARRAY" else 0
        if total > most_bytes() or most_of_texts.total() <= most_bytes():
            return total
        types = {name: kind for name, kind, *_ in cursor.sql(f"describe from read_parquet({source})").fetchall()}
        lengths = [f"sum(strlen({quoted_name(name)}))" for name in most_of_texts if types.get(name) == "VARCHAR"]
        # A list of texts is no column of ours, and counts as if each value were the whole dictionary.
        unmeasured = sum(most for name, most in most_of_texts.items() if types.get(name) != "VARCHAR")
        measured = cursor.sql(f"select {', '.join(lengths or ['0'])} from read_parquet({source})").fetchall()  # noqa: S608
        return max(total, unmeasured + sum(length or 0 for length in measured[0]))


def _chunk_size(data: mmap.mmap, chunk: ColumnChunk, rows: int) -> tuple[int, int]:
    """Bytes of a column of a row group with the values of its dictionary at their mean, and at most."""
    pages = list(pages_of(data, chunk))
    values = max(chunk.num_values, rows)
    dictionaries = [page for page in pages if page.of_dictionary]
    unfolded = max(chunk.total_uncompressed_size, sum(page.bytes for page in pages), values * _WIDTH)
    mean = [values * page.bytes // max(1, page.values) for page in dictionaries]
    return max(unfolded, *mean, 0), sum(values * page.bytes for page in dictionaries)
