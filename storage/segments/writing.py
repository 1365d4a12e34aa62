"""The commit protocol: write, fsync, rename, register in one transaction. What is not registered does not exist.

Knows the order of the steps and which of two racing commits wins; knows nothing of what the rows mean. A kill anywhere
leaves at most files that nobody counts and whose names say that their maker is dead. `Bulk` is for more rows than memory
holds: their files are written one by one and registered together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import pyarrow as pa
from sqlalchemy.orm import Session

from storage import failpoints
from storage.records import Score, Verdict
from storage.segments.files import write_batches
from storage.segments.index import IdentityIndex
from storage.segments.keys import Commit, SegmentFile, SegmentKey
from storage.segments.place import Place
from storage.segments.registry import Registry
from storage.segments.rows import Rows, storable
from storage.segments.schema import CHUNK, SCHEMAS, Kind, Record
from storage.segments.views import IDENTITY, SEPARATOR

Item = tuple[SegmentKey, Sequence[Record]]
Also = Callable[[Session, Sequence[Commit]], None]
"""What else belongs into the transaction that registers some items; it is given what became of each."""
Before = Callable[[Session], None]
"""What is done in that transaction first."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One batch on its way. No `file`: it was there already. `identities`: of rows that were let go once written."""

    key: SegmentKey
    file: SegmentFile | None
    records: Sequence[Record] = ()
    identities: Sequence[str] | None = None


class Writer:
    """Commits batches to one place and one ledger; used from any thread."""

    def __init__(self, registry: Registry, place: Place, index: IdentityIndex) -> None:
        self._registry = registry
        self._place = place
        self._index = index
        self._in_doubt: set[str] = set()  # files whose registration was committed, with no word yet of how that ended

    def commit(
        self, items: Sequence[Item], run: str | None, also: Also | None = None, before: Before | None = None
    ) -> list[Commit]:
        """Commit all items in one transaction. A batch that is there already is redundant, whoever made it."""
        # Asked first: of a command that is repeated all batches are there, and no file is written.
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
        """Register what was written, in one transaction, and remove the files of batches that are there already."""
        # The index is filled before the write lock is taken; under the lock only the newest segments are left.
        for kind in {pending.key.kind for pending in work} & IDENTITY.keys():
            with self._index.lock:
                self._index.update(kind, self._registry.segments(kind))
        commits = self._register(work, run, also, before)
        kept = {commit.segment_id for commit in commits}
        self._discard([pending.file for pending in work if pending.file is not None and pending.file.id not in kept])
        failpoints.hit("segment.registered")
        return commits

    def write(self, key: SegmentKey, records: Sequence[Record], run: str | None = None) -> SegmentFile:
        """Make the file of one batch of a run durable; nothing counts it before it is registered."""
        _check(key, records)
        batches = _batches(key.kind, records)
        first = next(batches, None)
        if first is None:
            return write_batches(self._place, key, SCHEMAS[key.kind], [], run=run)
        return write_batches(self._place, key, first.schema, chain([first], batches), run=run)

    def _register(self, work: Sequence[Pending], run: str | None, also: Also | None, before: Before | None) -> list[Commit]:
        # The index first, as in a look-up, which holds it while it may unregister an altered file: no two threads block.
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
            # After the commit, not in it: a transaction that is rolled back must leave no identity in the index.
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
            if batch is None:  # no file: it was there a moment ago and was found lost meanwhile
                new = pending.file or self.write(key, pending.records, run)
                overlaps, repeated = overlap.of(pending, new.id)
                batch = known[key] = self._registry.register(session, key, new, overlaps=overlaps, now=now)
            used.append(batch.id)
            commits.append(Commit(batch.segment_id, batch.rows, redundant=redundant, repeated=repeated))
        if run is not None:
            self._registry.link(session, run, used)
        return commits

    def discard_unregistered(self, work: Sequence[Pending]) -> None:
        """Remove the files that nobody registered; an interrupt may come after the transaction committed, so ask first.

        A commit that fails may count all the same: SQLite finds it in its write-ahead log when that is next recovered, and
        a database whose connection is lost may have heard it. Its files stay; `sweep` takes them where nobody counts them.
        """
        files = [pending.file for pending in work if pending.file is not None and pending.file.id not in self._in_doubt]
        if files:
            known = self._registry.known_ids()
            self._discard([file for file in files if file.id not in known])

    def _discard(self, files: Sequence[SegmentFile]) -> None:
        for file in files:
            self._place.remove(file.kind, file.id)


class Bulk:
    """Batches that are written one by one, each let go of at once, and registered together or not at all.

    A context manager: files that are not registered when it ends are removed.
    """

    def __init__(self, writer: Writer) -> None:
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
    """Whether rows are stored already, as far as one write transaction goes; nobody can add one before it ends."""

    def __init__(self, registry: Registry, index: IdentityIndex, session: Session) -> None:
        self._registry = registry
        self._index = index
        self._session = session
        self._complete: dict[Kind, bool] = {}
        self._seen: dict[Kind, set[str]] = {}
        self.identities: dict[str, Sequence[str]] = {}

    def of(self, pending: Pending, segment_id: str) -> tuple[bool, frozenset[str]]:
        """Whether a row may be there already, and which surely are.

        Doubt costs reading time; a missed repetition would count twice.
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
    """Records as Arrow batches, a few thousand at a time; text that no file can hold is made storable."""
    if isinstance(records, Rows):
        tables = records.plain_parts()
    else:
        tables = (storable(kind, records[start : start + CHUNK]) for start in range(0, len(records), CHUNK))
    for table in tables:
        yield from table.to_batches()


def identity_of(kind: Kind, record: Record) -> str:
    """The identity of a record as one text, as `views.key_sql` spells it."""
    return SEPARATOR.join(str(getattr(record, name)) for name in IDENTITY[kind])


def _check(key: SegmentKey, records: Sequence[Record]) -> None:
    """A verdict filed under another verifier's name would be found by nobody: refuse it here."""
    for record in records:
        if isinstance(record, Verdict):
            producer, version = record.verifier, record.version
        elif isinstance(record, Score):
            producer, version = record.scorer, record.version
        else:
            return
        if (producer, version) != (key.producer, key.version):
            raise ValueError(f"{record!r} does not belong under {key!r}")
