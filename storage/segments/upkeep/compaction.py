"""Merges small segments of one producer into large ones. Changes no row that a reader sees, and knows no meaning of a row.

Each merge is a new file and one transaction that points the old files' batches to it; after a kill either the old files or
the new one are registered. Old files stay for a while, for readers that listed them before.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

from collections.abc import Iterator, Sequence
from itertools import groupby

import pyarrow as pa

from rollmill.ground import failpoints
from rollmill.storage.segments.keys import CompactReport, Kind, Segment, SegmentKey
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.segments.segment_files import write_batches
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.segments.views import IDENTITY, keys, select

_ROWS_PER_BATCH = 50_000


def compact(store: SegmentStore, kind: Kind, *, target_rows: int = 1_000_000) -> CompactReport:
    """Merge neighbouring small files of each producer; unique rows stay, repeated rows are dropped."""
    with store.naming_damaged_files():
        before = store.readable(store.registry.segments(kind))
        shared = _shared(store, kind, before)
        for group in _groups([segment for segment in before if segment.seq not in shared], target_rows):
            _merge(store, kind, group)
        after = store.readable(store.registry.segments(kind))
    return CompactReport(kind, len(before), len(after), _rows(before), _rows(after))


def _groups(segments: Sequence[Segment], target_rows: int) -> Iterator[list[Segment]]:
    """Segments of one producer and version, together about `target_rows` rows; large ones are not rewritten."""
    # Of any size if rows are repeated: the merged file has none, and is read without a search for them.
    small = [segment for segment in segments if segment.overlaps or 2 * segment.rows <= target_rows]
    # In the order of registration within an owner, as the row registered first wins.
    for _, owned in groupby(sorted(small, key=lambda segment: (_owner(segment), segment.seq)), _owner):
        group: list[Segment] = []
        for segment in owned:
            if group and _rows(group) + segment.rows > target_rows:
                yield from _worth(group)
                group = []
            group.append(segment)
        yield from _worth(group)


def _worth(group: list[Segment]) -> Iterator[list[Segment]]:
    if len(group) > 1 or any(segment.overlaps for segment in group):
        yield group


def _shared(store: SegmentStore, kind: Kind, segments: Sequence[Segment]) -> set[int]:
    """Segments that repeat a row of another producer. They are not merged: each producer keeps all its rows."""
    extra = [segment for segment in segments if segment.overlaps]
    if not extra or kind not in IDENTITY:
        return set()
    owners = sorted({_owner(segment) for segment in segments})
    table = {"seq": [segment.seq for segment in segments], "owner": [owners.index(_owner(s)) for s in segments]}
    with store.connection() as connection:
        connection.register("owners", pa.table(table))
        rows = connection.execute(
            f"WITH keys AS (SELECT key, seq, owner FROM ({keys(kind, segments, store.path)}) JOIN owners USING (seq)) "
            "SELECT DISTINCT a.seq FROM keys a JOIN keys b ON a.key = b.key AND a.owner <> b.owner "
            f"WHERE a.seq IN ({','.join(str(segment.seq) for segment in extra)})"
        ).fetchall()
    return {seq for (seq,) in rows}


def _merge(store: SegmentStore, kind: Kind, group: Sequence[Segment]) -> None:
    key = SegmentKey(kind, group[0].producer, group[0].version, "")
    if len(store.readable(group)) < len(group):
        return  # `check` reports a missing file; merging the others would hide the loss
    # Named in the new file's footer, so that a lost ledger can be rebuilt from it.
    batches = store.registry.batches_of([segment.id for segment in group])
    written = write_batches(store.place, key, SCHEMAS[kind], _stream(store, kind, group), merged=batches)
    # Checked before the swap: the old files are removed later, and a row missing then would be lost.
    if written.rows != _rows(group) and not any(segment.overlaps for segment in group):
        store.place.remove(kind, written.id)
        raise RuntimeError(f"compaction of {_rows(group)} {kind} gave {written.rows}")
    with store.registry.ledger.write() as session:
        swapped = store.registry.swap(session, group, written)
    failpoints.hit("compact.swapped")
    if not swapped:  # another process compacted or unregistered it first
        store.place.remove(kind, written.id)


def _stream(store: SegmentStore, kind: Kind, group: Sequence[Segment]) -> Iterator[pa.RecordBatch]:
    """The rows of the group as a reader of the whole kind sees them: of rows with one identity only the winner."""
    known = list(group)
    if any(segment.overlaps for segment in group):
        names = {segment.id for segment in group}
        known += [other for other in store.readable(store.registry.segments(kind)) if other.id not in names]
    rows = select(kind, known, store.path, only={segment.seq for segment in group})
    with store.connection() as connection:
        for batch in connection.sql(rows).to_arrow_reader(_ROWS_PER_BATCH):
            columns = [column.cast(field.type) for column, field in zip(batch.columns, SCHEMAS[kind], strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[kind])


def _owner(segment: Segment) -> tuple[str, str]:
    return segment.producer, segment.version


def _rows(segments: Sequence[Segment]) -> int:
    return sum(segment.rows for segment in segments)
