"""The commit protocol: write, fsync, rename, register in one transaction. What is not registered does not exist.

Knows the order of the steps and which of two racing commits wins; knows nothing of what the rows mean. A kill anywhere
leaves at most a file that nobody counts and whose name says that its maker is dead.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
from sqlalchemy.orm import Session

from storage import failpoints
from storage.ledger.owners import new_file_id
from storage.segments.index import IdentityIndex
from storage.segments.keys import Commit, SegmentKey
from storage.segments.place import Place
from storage.segments.registry import Registry, Written
from storage.segments.schema import Kind, Record, to_table
from storage.segments.views import CURRENT, IDENTITY, SEPARATOR

Item = tuple[SegmentKey, Sequence[Record]]


class Writer:
    """Commits batches to one place and one ledger; used from any thread."""

    def __init__(self, registry: Registry, place: Place, index: IdentityIndex) -> None:
        self._registry = registry
        self._place = place
        self._index = index

    def commit(self, items: Sequence[Item], run: str | None) -> list[Commit]:
        """Commit all items in one transaction. A batch that is there already is redundant, whoever made it."""
        known = self._known([key for key, _ in items])
        written = [None if key in known else self._write(key, records) for key, records in items]
        try:
            commits = self._register(items, written, run)
        except BaseException:
            self._discard_unregistered(written)
            raise
        kept = {commit.segment_id for commit in commits}
        self._discard([file for file in written if file is not None and file.id not in kept])
        failpoints.hit("segment.registered")
        return commits

    def _known(self, keys: Sequence[SegmentKey]) -> set[SegmentKey]:
        with self._registry.ledger.read() as session:
            return {key for key in keys if self._registry.batch(session, key) is not None}

    def _write(self, key: SegmentKey, records: Sequence[Record]) -> Written:
        _check(key, records)
        table = to_table(key.kind, records)
        return write_tables(self._place, key, [table])

    def _register(self, items: Sequence[Item], written: Sequence[Written | None], run: str | None) -> list[Commit]:
        for kind in {key.kind for key, _ in items}:
            self._prepare(kind)
        commits = []
        with self._index.lock, self._registry.ledger.write() as session:
            for (key, records), file in zip(items, written, strict=True):
                commits.append(self._register_one(session, key, records, file))
                if run is not None:
                    batch = self._registry.batch(session, key)
                    assert batch is not None
                    self._registry.link(session, run, batch.id)
        return commits

    def _prepare(self, kind: Kind) -> None:
        """Load what the index lacks before the lock is taken; under the lock only the newest segments are left."""
        if kind in IDENTITY:
            with self._index.lock:
                self._index.update(kind, self._registry.segments(kind))

    def _register_one(self, session: Session, key: SegmentKey, records: Sequence[Record], file: Written | None) -> Commit:
        batch = self._registry.batch(session, key)
        if batch is not None:
            return Commit(batch.segment_id, batch.rows, redundant=True)
        if file is None:  # it was there a moment ago and was found lost meanwhile
            file = self._write(key, records)
        overlaps = self._overlaps(session, key, records)
        self._registry.register(session, key, file, overlaps=overlaps)
        return Commit(file.id, file.rows, redundant=False)

    def _overlaps(self, session: Session, key: SegmentKey, records: Sequence[Record]) -> bool:
        """Whether a row is there already; nobody can add one before this transaction ends."""
        if key.kind not in IDENTITY:
            return False
        identities = [identity_of(key.kind, record) for record in records]
        self._index.update(key.kind, self._registry.segments(key.kind, session))
        stored, _ = self._index.find(key.kind, identities)
        return bool(stored) or len(set(identities)) < len(identities)

    def _discard_unregistered(self, written: Sequence[Written | None]) -> None:
        """An interrupt may come after the transaction committed: ask before removing."""
        files = [file for file in written if file is not None]
        if files:
            known = self._registry.known_ids()
            self._discard([file for file in files if file.id not in known])

    def _discard(self, files: Sequence[Written]) -> None:
        for file in files:
            self._place.remove(file.kind, file.id)


def write_tables(place: Place, key: SegmentKey, tables: Sequence[pa.Table]) -> Written:
    """Make the rows of these tables durable in one new file; they are not registered."""
    return write_batches(place, key, tables[0].schema, [batch for table in tables for batch in table.to_batches()])


def write_batches(place: Place, key: SegmentKey, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
    """As write_tables, from a stream of record batches."""
    import pyarrow.parquet as pq

    facts: dict[str, int | str] = {"rows": 0}

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                facts["rows"] = int(facts["rows"]) + batch.num_rows
                writer.write_batch(batch)
        with path.open("rb") as file:
            facts["checksum"] = hashlib.file_digest(file, "sha256").hexdigest()
        facts["bytes"] = path.stat().st_size

    file_id = new_file_id()
    place.put(key.kind, file_id, write)
    return Written(
        id=file_id,
        kind=key.kind,
        producer=key.producer,
        version=key.version,
        rows=int(facts["rows"]),
        bytes=int(facts["bytes"]),
        checksum=str(facts["checksum"]),
        columns=CURRENT[key.kind],
    )


def identity_of(kind: str, record: Record) -> str:
    """The identity of a record as one text, as `views.key_sql` spells it."""
    return SEPARATOR.join(str(getattr(record, name)) for name in IDENTITY[kind])  # type: ignore[index]


def _check(key: SegmentKey, records: Sequence[Record]) -> None:
    """A verdict filed under another verifier's name would be found by nobody: refuse it here."""
    producer = {"verdicts": "verifier", "scores": "scorer"}.get(key.kind)
    for record in records if producer else ():
        if (getattr(record, str(producer)), record.version) != (key.producer, key.version):  # type: ignore[union-attr]
            raise ValueError(f"{record!r} does not belong under {key!r}")
