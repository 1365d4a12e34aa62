"""Many records of one kind packed as Arrow columns, and unpacked on access.

A row of a plan takes some 270 bytes as a record and 90 here: repeated texts (runs, problems, reasons) are stored once per
chunk. It is a sequence like any other; iterating unpacks a chunk of records at a time. Text that a file cannot store (half
of a UTF-16 pair, as a server's JSON may contain) is made storable on the way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar, overload

import numpy as np
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.records import SURROGATE, Message, Problem
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import CHUNK, SCHEMAS, Record, from_table, to_table


def wellformed(record: Record) -> Record:
    """The record with every text valid Unicode; SetupError for a problem that is not."""
    changed = {
        field.name: mended
        for field in fields(record)
        if field.init and (mended := _mended(getattr(record, field.name))) != getattr(record, field.name)
    }
    if changed and isinstance(record, Problem):
        raise SetupError(
            f"problem {record.external_id or record.id} has half a character (a lone surrogate) in its {min(changed)}.",
            next_command="correct the file and import it again",
        )
    return replace(record, **changed) if changed else record


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, Message):
        return replace(value, content=_mended(value.content), name=_mended(value.name), role=_mended(value.role))
    if isinstance(value, Mapping):
        return {_mended(key): _mended(part) for key, part in value.items()}
    return type(value)(map(_mended, value)) if isinstance(value, (tuple, list)) else value


R = TypeVar("R")
_ONCE = frozenset({"completion_id"})  # columns whose texts do not repeat


class Rows(Sequence[R], Generic[R]):
    """Immutable records of one kind, in order; equal to any sequence of equal records."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, kind: Kind, table: pa.Table) -> None:
        self.kind = kind
        self.table = table

    @classmethod
    def of(cls, kind: Kind, records: Iterable[R]) -> "Rows[R]":
        """Records as columns; the argument itself if it is a Rows already."""
        if isinstance(records, Rows):
            return records
        packer: Packer[R] = Packer(kind)
        packer.add(records)
        return packer.rows()

    @classmethod
    def joined(cls, kind: Kind, tables: Sequence[pa.Table]) -> "Rows[R]":
        """Packed tables one after another; nothing is copied."""
        return cls(kind, pa.concat_tables(tables) if tables else packed(kind, SCHEMAS[kind].empty_table()))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, place: int) -> R: ...

    @overload
    def __getitem__(self, place: slice) -> "Rows[R]": ...

    def __getitem__(self, place: int | slice) -> "R | Rows[R]":
        if isinstance(place, int):
            at = range(len(self))[place]
            record: R = from_table(self.kind, _plain(self.kind, self.table.slice(at, 1)))[0]
            return record
        start, stop, step = place.indices(len(self))
        if step != 1:
            raise ValueError("rows are sliced without a step")
        return Rows(self.kind, self.table.slice(start, max(0, stop - start)))

    def __iter__(self) -> Iterator[R]:
        for part in self.plain_parts():
            yield from from_table(self.kind, part)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def column(self, name: str) -> pa.ChunkedArray:
        """A column with plain texts."""
        return self.table[name].cast(SCHEMAS[self.kind].field(name).type)

    def plain_parts(self) -> Iterator[pa.Table]:
        """The rows with the schema of the kind, a few thousand at a time."""
        for start in range(0, len(self), CHUNK):
            yield _plain(self.kind, self.table.slice(start, CHUNK)).combine_chunks()

    def where(self, name: str, value: Any) -> "Rows[R]":
        """The rows with this value in a column; itself if all rows have it."""
        import pyarrow.compute as pc

        chosen = pc.equal(self.table[name], value)
        return self if pc.all(chosen).as_py() else Rows(self.kind, self.table.filter(chosen))

    def sorted_by(self, *names: str) -> "Rows[R]":
        """The rows sorted by these columns, stable; itself if they are sorted already."""
        import pyarrow.compute as pc

        keys = pa.table({name: self.column(name) for name in names})
        order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in names])
        if (order.to_numpy() == np.arange(len(self))).all():
            return self
        return Rows(self.kind, self.table.unify_dictionaries().take(order))


class Packer(Generic[R]):
    """Collects records one after another as Rows."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._loose: list[R] = []
        self._packed: list[pa.Table] = []

    def add(self, records: Iterable[R]) -> None:
        """Add these records."""
        for record in records:
            self._loose.append(record)
            if len(self._loose) >= CHUNK:
                self._pack()

    def rows(self) -> Rows[R]:
        """All records added so far."""
        self._pack()
        return Rows.joined(self._kind, self._packed)

    def _pack(self) -> None:
        if self._loose:
            self._packed.append(packed(self._kind, storable(self._kind, self._loose)))
            self._loose = []


def storable(kind: Kind, records: Sequence[Any]) -> pa.Table:
    """Records as a table; text that a file cannot store is made storable."""
    try:
        return to_table(kind, records)
    except UnicodeEncodeError:  # rare, so looked for only after a failure
        return to_table(kind, map(wellformed, records))


def packed(kind: Kind, table: pa.Table) -> pa.Table:
    """A table of a kind with each repeated text stored once."""
    plain = table.cast(SCHEMAS[kind]).combine_chunks()
    once = [field.name in _ONCE or field.type != pa.string() for field in SCHEMAS[kind]]
    columns = [
        _own(column) if alone else column.dictionary_encode() for column, alone in zip(plain.columns, once, strict=True)
    ]
    return pa.table(columns, names=plain.column_names)


def _own(column: pa.ChunkedArray) -> pa.Array:
    """A column in buffers of its own size: those of a DuckDB batch are up to twice as large."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else column.combine_chunks()


def _plain(kind: Kind, table: pa.Table) -> pa.Table:
    return table.cast(SCHEMAS[kind])
