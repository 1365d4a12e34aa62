"""Stored rows in a caller's order and in bounded memory: one pass over the segments, then one window after another.

Segments hold rows in the order of their import or drawing; a plan needs another order. Separate lookups for each batch of
a plan would read every segment once per batch. Here the rows are partitioned once into one unnamed temporary file per
window of the wanted order (a kill leaves nothing behind). A window with too many bytes to sort in memory is partitioned
again. Knows segments and Arrow; knows no plan.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import from_table, text_array

if TYPE_CHECKING:
    import duckdb

WINDOW = 8_192  # rows of one window, and
WINDOW_BYTES = 1 << 25  # bytes of its columns above which it is partitioned again
WINDOWS = 128  # open files at most; more rows make larger windows
READ = 2_048  # rows read at a time
DEALT_BYTES = 1 << 23  # bytes of rows that are partitioned together: a write of a few rows takes as long as one of many
RECORDS = 512  # rows that become records at a time


def in_order(
    connection: "duckdb.DuckDBPyConnection",
    kind: Kind,
    rows: str,
    ids: Sequence[str] | pa.ChunkedArray,
    *,
    window: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """(position in `ids`, record) of `rows` (a SELECT of a kind with ids) in that order, once per occurrence of an id.

    Unknown ids are left out. The caller closes the connection, after the last record.
    """
    for table in tables_in_order(connection, rows, ids, window=window):
        for start in range(0, table.num_rows, RECORDS):
            part = table.slice(start, RECORDS)
            yield from zip(part["position"].to_pylist(), from_table(kind, part), strict=True)
            del part
        del table


def tables_in_order(
    connection: "duckdb.DuckDBPyConnection", rows: str, ids: Sequence[str] | pa.ChunkedArray, *, window: int | None = None
) -> Iterator[pa.Table]:
    """The ordered rows as tables, one per window, with the column `position` after the columns of `rows`."""
    size = max(window or WINDOW, -(-len(ids) // WINDOWS))
    texts = ids if isinstance(ids, pa.ChunkedArray) else text_array(ids)
    connection.register("wanted_in_order", pa.table({"id": texts, "position": np.arange(len(ids))}))
    connection.execute("SET threads = 1")  # each further thread decodes row groups of its own: 150 MB more, hardly faster
    connection.execute("SET enable_external_file_cache = false")  # rows that are read once need no cache
    # The hash table must hold the ids, whatever the row estimates: a table of texts would hold all of them.
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    joined = connection.sql(f"SELECT c.*, position FROM ({rows}) c JOIN wanted_in_order USING (id)")  # noqa: S608 - our own names
    with ExitStack() as open_files:
        dealt = _Partitioned(open_files, size)
        for batch in joined.to_arrow_reader(READ):
            dealt.add(pa.Table.from_batches([batch]))
        for table in dealt.windows():
            ordered = table.sort_by("position")
            del table  # never two windows in memory
            yield ordered
            del ordered


class _Partitioned:
    """Rows partitioned by the window of their position."""

    def __init__(self, open_files: ExitStack, size: int) -> None:
        self._open_files, self._size = open_files, size
        self._files: dict[int, tuple[IO[bytes], Any]] = {}
        self._bytes: dict[int, int] = {}
        self._held: list[pa.Table] = []
        self._held_bytes = 0

    def add(self, table: pa.Table) -> None:
        """Add some rows; they are written once there are enough."""
        self._held.append(table)
        self._held_bytes += table.nbytes
        if self._held_bytes >= DEALT_BYTES:
            self._partition()

    def _partition(self) -> None:
        table = pa.concat_tables(self._held)
        self._held, self._held_bytes = [], 0
        windows = table["position"].to_numpy() // self._size
        order = np.argsort(windows, kind="stable")
        starts = np.flatnonzero(np.diff(windows[order], prepend=-1)).tolist()
        sorted_rows = table.take(order).combine_chunks()
        for start, end in zip(starts, [*starts[1:], table.num_rows], strict=True):
            window, rows = int(windows[order[start]]), sorted_rows.slice(start, end - start)
            self._writer(window, table.schema).write_table(rows)
            self._bytes[window] = self._bytes.get(window, 0) + rows.nbytes

    def _writer(self, window: int, schema: pa.Schema) -> Any:
        if window not in self._files:
            file = tempfile.TemporaryFile(prefix="rollmill-")  # noqa: SIM115 - the stack closes it
            self._open_files.enter_context(file)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._files[window] = (file, pa.ipc.new_stream(file, schema, options=options))
        return self._files[window][1]

    def windows(self) -> Iterator[pa.Table]:
        """The rows of each window, window by window; its file is removed after reading."""
        if self._held:
            self._partition()
        for window in sorted(self._files):
            file, writer = self._files.pop(window)
            writer.close()
            file.seek(0)
            finer = min(WINDOWS, -(-self._bytes[window] // WINDOW_BYTES))
            # A window of one position cannot be divided: its one row is read however large it is.
            if finer > 1 < self._size:
                again = _Partitioned(self._open_files, -(-self._size // finer))
                for batch in pa.ipc.open_stream(file):
                    again.add(pa.Table.from_batches([batch]))
                file.close()
                yield from again.windows()
            else:
                yield _read_all(file)


def _read_all(file: IO[bytes]) -> pa.Table:
    """All rows of a window. A function, because a name in the generator would keep the rows while the caller sorts a
    copy."""
    with file:
        return pa.ipc.open_stream(file).read_all()
