"""Stored rows in an order of the caller's, in bounded memory: one pass over the segments, then one window after another.

Rows lie in segments in the order of their import or drawing; a plan asks for them in another. Looking up each batch of a
plan by itself reads every segment again for each of them. Here the rows are dealt out once into one unnamed temporary file
per window of the wanted order (nothing is left behind by a kill), and each window is then small enough to sort in memory.
Knows segments and Arrow; knows no plan.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from storage.segments.schema import Kind, from_table

if TYPE_CHECKING:
    import duckdb

WINDOW = 8_192  # rows of one window, held as records
WINDOWS = 128  # open files at most; more rows make larger windows
READ = 4_096  # rows dealt out at a time


def in_order(
    connection: "duckdb.DuckDBPyConnection", kind: Kind, rows: str, ids: Sequence[str], *, window: int = WINDOW
) -> Iterator[tuple[int, Any]]:
    """(position in `ids`, record) of `rows` (a SELECT of a kind with ids) in that order, an id as often as it is named.

    Unknown ids are left out. The connection is the caller's to close, after the last record.
    """
    for table in tables_in_order(connection, rows, ids, window=window):
        yield from zip(table["position"].to_pylist(), from_table(kind, table), strict=True)


def tables_in_order(
    connection: "duckdb.DuckDBPyConnection", rows: str, ids: Sequence[str], *, window: int = WINDOW
) -> Iterator[pa.Table]:
    """The same as tables, one per window, with the column `position` behind the columns of `rows`."""
    size = max(window, -(-len(ids) // WINDOWS))
    wanted = pa.table({"id": pa.array(ids, pa.string()), "position": pa.array(np.arange(len(ids)))})
    connection.register("wanted_in_order", wanted)
    connection.execute("SET threads = 1")  # each further one decodes row groups of its own: 150 MB more, hardly faster
    found = connection.sql(f"SELECT c.*, position FROM ({rows}) c JOIN wanted_in_order USING (id)")  # noqa: S608 - our own names
    with ExitStack() as open_files:
        dealt = _Dealt(open_files, size)
        for batch in found.to_arrow_reader(READ):
            dealt.add(pa.Table.from_batches([batch]))
        for table in dealt.windows():
            yield table.sort_by("position")


class _Dealt:
    """Rows dealt out by the window of their position."""

    def __init__(self, open_files: ExitStack, size: int) -> None:
        self._open_files, self._size = open_files, size
        self._files: dict[int, tuple[IO[bytes], Any]] = {}

    def add(self, table: pa.Table) -> None:
        """Deal out some rows."""
        windows = table["position"].to_numpy() // self._size
        order = np.argsort(windows, kind="stable")
        starts = np.flatnonzero(np.diff(windows[order], prepend=-1)).tolist()
        sorted_rows = table.take(order).combine_chunks()
        for start, end in zip(starts, [*starts[1:], table.num_rows], strict=True):
            self._writer(int(windows[order[start]]), table.schema).write_table(sorted_rows.slice(start, end - start))

    def _writer(self, window: int, schema: pa.Schema) -> Any:
        if window not in self._files:
            file = tempfile.TemporaryFile(prefix="rollmill-")  # noqa: SIM115 - the stack closes it
            self._open_files.enter_context(file)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._files[window] = (file, pa.ipc.new_stream(file, schema, options=options))
        return self._files[window][1]

    def windows(self) -> Iterator[pa.Table]:
        """The rows of each window, window by window; its file is emptied when it was read."""
        for window in sorted(self._files):
            file, writer = self._files[window]
            writer.close()
            file.seek(0)
            yield pa.ipc.open_stream(file).read_all()
            file.truncate(0)
