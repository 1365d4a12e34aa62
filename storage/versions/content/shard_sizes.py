"""Bytes that a shard of a version unfolds to: a received one of ten megabytes may hold gigabytes.

The footer of a Parquet file says how large its columns are, and may lie: readers take their memory by the headers of the
pages, which are compared as well. Values of a dictionary are counted at their mean length wherever they occur.
"""

import mmap
import os
from pathlib import Path

from rollmill.ground.errors import FoundWanting
from rollmill.ground.files import plain
from rollmill.ground.formats.parquet_pages import ColumnChunk, pages_of
from rollmill.storage.segments.instance import shared_cursor
from rollmill.storage.segments.views import files

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
        columns = ", ".join(ColumnChunk._fields)
        rows = cursor.sql(f"select row_group_num_rows, {columns} from parquet_metadata({files([str(path)])})").fetchall()  # noqa: S608
        total = 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for group_rows, *values in rows:
                total += _chunk_size(data, ColumnChunk(*values), group_rows)
    return total


def _chunk_size(data: mmap.mmap, chunk: ColumnChunk, rows: int) -> int:
    pages = list(pages_of(data, chunk))
    values = max(chunk.num_values, rows)
    repeated = [values * page.bytes // max(1, page.values) for page in pages if page.of_dictionary]
    unfolded = sum(page.bytes for page in pages)
    return max(chunk.total_uncompressed_size, unfolded, values * _WIDTH, *repeated)
