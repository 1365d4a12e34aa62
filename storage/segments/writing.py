"""The commit protocol: write, fsync, rename, register in one transaction. Unregistered files do not count.

Knows the order of the steps and the winner of two racing commits; knows nothing of the meaning of rows. A kill leaves at
most uncounted files with the name of a dead process. `Bulk` is for more rows than memory holds: files are written one by
one and registered together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import pyarrow as pa
from sqlalchemy.orm import Session

from rollmill.ground import failpoints
from rollmill.ground.records import Score, Verdict
from rollmill.storage.segments.index import IdentityIndex
from rollmill.storage.segments.keys import Commit, Kind, SegmentFile, SegmentKey
from rollmill.storage.segments.place import Place
from rollmill.storage.segments.registry import SegmentRegistry
from rollmill.storage.segments.rows import Rows, storable
from rollmill.storage.segments.schema import CHUNK, SCHEMAS, Record
from rollmill.storage.segments.segment_files import write_batches
from rollmill.storage.segments.views import IDENTITY, SEPARATOR

Item = tuple[SegmentKey, Sequence[Record]]
Also = Callable[[Session, Sequence[Commit]], None]
"""Further work in the transaction that registers some items; it is given the result of each."""
Before = Callable[[Session], None]
"""First work in that transaction."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch to be registered. `file`: None for a batch that is stored already. `identities`: identities of the rows, if
    the rows were released after writing.
    """

    key: SegmentKey
    file: SegmentFile | None
    records: Sequence[Record] = ()
    identities: Sequence[str] | None = None


class SegmentWriter:
    """Commits batches to one place and one ledger; used from any thread."""

    def __init__(self, registry: SegmentRegistry, place: Place, index: IdentityIndex) -> None:
        self._registry = registry
        self._place = place
        self._index = index
        self._in_doubt: set[str] = set()  # files with a committed registration whose result is not yet known

    def commit(
        self, items: Sequence[Item], run: str | None, also: Also | None = None, before: Before | None = None
    ) -> list[Commit]:
        """Commit all items in one transaction. A batch that is already stored, by any process, is redundant."""
        # Checked first: for a repeated command all batches are stored, and no file is written.
        with self._registry.ledger.read() as session:
            known = self._registry.batches(session, [key for key, _ in items])
        work: list[Pending] = []
        try:
            for key, records in items:
                work.append(Pending(key, None if key in known else self.write(key, records, run), records))
            return self.register(work, run, also, before)
        except BaseException:
            self.discard_unregistered(work)
            raise

    def register(
        self, work: Sequence[Pending], run: str | None = None, also: Also | None = None, before: Before | None = None
    ) -> list[Commit]:
        """Register written files in one transaction, and remove the files of batches already stored."""
        # The index is filled before the write lock is taken; only the newest segments remain to be added under the lock.
        for kind in {pending.key.kind for pending in work} & IDENTITY.keys():
            with self._index.lock:
                self._index.update(kind, self._registry.segments(kind))
        commits = self._register(work, run, also, before)
        kept = {commit.segment_id for commit in commits}
        self._discard([pending.file for pending in work if pending.file is not None and pending.file.id not in kept])
        failpoints.hit("segment.registered")
        return commits

    def write(self, key: SegmentKey, records: Sequence[Record], run: str | None = None) -> SegmentFile:
        """Write the file of one batch of a run durably; it counts only after registration."""
        _check(key, records)
        batches = _batches(key.kind, records)
        first = next(batches, None)
        if first is None:
            return write_batches(self._place, key, SCHEMAS[key.kind], [], run=run)
        return write_batches(self._place, key, first.schema, chain([first], batches), run=run)

    def _register(self, work: Sequence[Pending], run: str | None, also: Also | None, before: Before | None) -> list[Commit]:
        # The index lock first, as in a lookup, which holds it while unregistering an altered file: no deadlock.
        with self._index.lock:
            with self._registry.ledger.write() as session:
                if before is not None:
                    before(session)
                overlap = _Overlap(self._registry, self._index, session)
                commits = self._register_all(session, overlap, work, run)
                if also is not None:
                    also(session, commits)
                written = {pending.file.id for pending in work if pending.file is not None}
                self._in_doubt |= written
            self._in_doubt -= written
            # After the commit: a rolled-back transaction must leave no identity in the index.
            for pending, commit in zip(work, commits, strict=True):
                if commit.segment_id in overlap.identities:
                    self._index.add(pending.key.kind, commit.segment_id, overlap.identities[commit.segment_id])
        return commits

    def _register_all(
        self, session: Session, overlap: "_Overlap", work: Sequence[Pending], run: str | None
    ) -> list[Commit]:
        known = self._registry.batches(session, [pending.key for pending in work])
        now, commits, used = self._registry.ledger.now(session), [], []
        for pending in work:
            key = pending.key
            batch = known.get(key)
            redundant, repeated = batch is not None, frozenset[str]()
            if batch is None:  # no file: the batch was stored a moment ago and was found lost meanwhile
                new = pending.file or self.write(key, pending.records, run)
                overlaps, repeated = overlap.of(pending, new.id)
                batch = known[key] = self._registry.register(session, key, new, overlaps=overlaps, now=now)
            used.append(batch.id)
            commits.append(Commit(batch.segment_id, batch.rows, redundant=redundant, repeated=repeated))
        if run is not None:
            self._registry.link(session, run, used)
        return commits

    def discard_unregistered(self, work: Sequence[Pending]) -> None:
        """Remove unregistered files. An interrupt may come after the commit, so the registration is checked first.

        A failed commit may count all the same: SQLite finds it in its write-ahead log at the next recovery, and a database
        may have received it before the connection was lost. Its files stay; `sweep` removes them if they are unregistered.
        """
        files = [pending.file for pending in work if pending.file is not None and pending.file.id not in self._in_doubt]
        if files:
            known = self._registry.known_ids()
            self._discard([file for file in files if file.id not in known])

    def _discard(self, files: Sequence[SegmentFile]) -> None:
        for file in files:
            self._place.remove(file.kind, file.id)


class Bulk:
    """Batches written one by one, each released immediately, and registered together or not at all.

    A context manager: unregistered files are removed at its end.
    """

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._work: list[Pending] = []

    def write(self, key: SegmentKey, records: Sequence[Record]) -> None:
        """Make one batch durable without registering it."""
        identities = [identity_of(key.kind, record) for record in records] if key.kind in IDENTITY else []
        self._work.append(Pending(key, self._writer.write(key, records), identities=identities))

    def register(self, also: Also | None = None) -> list[Commit]:
        """Register everything written, in one transaction; `also` adds to it."""
        return self._writer.register(self._work, None, also)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.discard_unregistered(self._work)


class _Overlap:
    """Lookup of stored rows for one write transaction; no other process can add one before it ends."""

    def __init__(self, registry: SegmentRegistry, index: IdentityIndex, session: Session) -> None:
        self._registry = registry
        self._index = index
        self._session = session
        self._complete: dict[Kind, bool] = {}
        self._seen: dict[Kind, set[str]] = {}
        self.identities: dict[str, Sequence[str]] = {}

    def of(self, pending: Pending, segment_id: str) -> tuple[bool, frozenset[str]]:
        """True if a row of the batch may be stored already, and the identities that certainly are.

        A false alarm costs reading time; a missed repetition would count twice.
        """
        kind = pending.key.kind
        if kind not in IDENTITY:
            return False, frozenset()
        if kind not in self._complete:
            self._complete[kind] = self._index.update(kind, self._registry.segments_now(kind, self._session))
        identities = pending.identities
        if identities is None:
            identities = [identity_of(kind, record) for record in pending.records]
        self.identities[segment_id] = identities
        known = self._seen.setdefault(kind, set())
        repeated = known.intersection(identities) | {identities[at] for at, _ in self._index.find(kind, identities)}
        known.update(identities)
        twice = len(set(identities)) < len(identities)
        return twice or bool(repeated) or not self._complete[kind], frozenset(repeated)


def _batches(kind: Kind, records: Sequence[Record]) -> Iterator[pa.RecordBatch]:
    """Records as Arrow batches, a few thousand at a time; text that a file cannot store is made storable."""
    if isinstance(records, Rows):
        tables = records.plain_parts()
    else:
        tables = (storable(kind, records[start : start + CHUNK]) for start in range(0, len(records), CHUNK))
    for table in tables:
        yield from table.to_batches()


def identity_of(kind: Kind, record: Record) -> str:
    """The identity of a record as one text, in the form of `views.key_sql`."""
    return SEPARATOR.join(str(getattr(record, name)) for name in IDENTITY[kind])


def _check(key: SegmentKey, records: Sequence[Record]) -> None:
    """Refuse a verdict under another verifier's key: no reader would find it."""
    for record in records:
        if isinstance(record, Verdict):
            producer, version = record.verifier, record.version
        elif isinstance(record, Score):
            producer, version = record.scorer, record.version
        else:
            return
        if (producer, version) != (key.producer, key.version):
            raise ValueError(f"{record!r} does not belong under {key!r}")
