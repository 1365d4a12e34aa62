"""Rows of one kind in an unnamed temporary file, for readers of one column of all rows, or of some rows at a time.

It offers the parts of an Arrow table's interface that readers of versions use, so that a snapshot may hold either. Nothing
of it is kept in memory, and a kill leaves nothing behind.
"""

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Any

import pyarrow as pa

from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import SCHEMAS

PART = 2_048  # rows read at once


class TableFile:
    """The rows of some tables of a kind, one after another; the caller gives them in key order."""

    def __init__(self, kind: Kind, tables: Iterable[pa.Table]) -> None:
        self.schema: pa.Schema = SCHEMAS[kind]
        self.num_rows = self.nbytes = 0
        self._file = tempfile.TemporaryFile(prefix="rollmill-")  # noqa: SIM115 - it goes when this object does
        weakref.finalize(self, _close, self._file)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(self._file, self.schema, options=options) as writer:
            for table in tables:
                for batch in table.select(self.schema.names).cast(self.schema).combine_chunks().to_batches(PART):
                    writer.write_batch(batch)
                    self.num_rows += batch.num_rows
                    self.nbytes += batch.nbytes

    @property
    def column_names(self) -> list[str]:
        """Column names of the kind."""
        names: list[str] = self.schema.names
        return names

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return self.select([name])[name]

    def select(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows, in memory."""
        return self._reader(names).read_all().select(names)

    def to_reader(self) -> pa.RecordBatchReader:
        """All rows, for one pass."""
        return self._reader()

    def _reader(self, names: Sequence[str] = ()) -> pa.RecordBatchReader:
        batches = self.to_batches(names=names)
        fields = [field for field in self.schema if not names or field.name in names]
        return pa.RecordBatchReader.from_batches(pa.schema(fields), batches)

    def to_batches(self, max_chunksize: int | None = None, names: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """All rows in batches of at most `max_chunksize`; `names` selects columns, in the order of the schema."""
        chosen = [place for place, name in enumerate(self.schema.names) if name in names] if names else None
        options = pa.ipc.IpcReadOptions(included_fields=chosen, use_threads=False)
        stored: Any = pa.ipc.open_file(self._file, options=options)
        for number in range(stored.num_record_batches):
            batch = stored.get_batch(number)
            size = max_chunksize or batch.num_rows
            yield from (batch.slice(start, size) for start in range(0, batch.num_rows, size))

    def parts(self, rows: int, names: Sequence[str] = ()) -> Iterator[pa.Table]:
        """All rows in tables of exactly `rows` rows; the last one has the rest."""
        parts: list[pa.RecordBatch] = []
        size = 0
        for given in self.to_batches(rows, names):
            batch = given
            while batch.num_rows:
                parts.append(batch.slice(0, rows - size))
                size += parts[-1].num_rows
                batch = batch.slice(parts[-1].num_rows)
                if size == rows:
                    yield pa.Table.from_batches(parts)
                    parts, size = [], 0
        if parts:
            yield pa.Table.from_batches(parts)


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # after a full disk the buffer still holds data that is not needed now
        file.close()
