"""The commit protocol: write, fsync, rename, register in one transaction. What is not registered does not exist.

Knows the order of the steps and which of two racing commits wins; knows nothing of what the rows mean. A kill anywhere
leaves at most a file that nobody counts and whose name says that its maker is dead.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import pyarrow as pa
from sqlalchemy.orm import Session

from storage import failpoints
from storage.records import Score, Verdict
from storage.segments.files import Written, write_batches
from storage.segments.index import IdentityIndex
from storage.segments.keys import Commit, SegmentKey
from storage.segments.place import Place
from storage.segments.registry import Registry
from storage.segments.rows import Rows, storable
from storage.segments.schema import CHUNK, SCHEMAS, Kind, Record
from storage.segments.views import IDENTITY, SEPARATOR

Item = tuple[SegmentKey, Sequence[Record]]
Also = Callable[[Session, Sequence[Commit]], None]
"""What else belongs into the transaction that registers some items; it is given what became of each."""


class Writer:
    """Commits batches to one place and one ledger; used from any thread."""

    def __init__(self, registry: Registry, place: Place, index: IdentityIndex) -> None:
        self._registry = registry
        self._place = place
        self._index = index

    def commit(self, items: Sequence[Item], run: str | None, also: Also | None = None) -> list[Commit]:
        """Commit all items in one transaction. A batch that is there already is redundant, whoever made it."""
        known = self._known([key for key, _ in items])
        written: list[Written | None] = []
        try:
            for key, records in items:
                written.append(None if key in known else self._write(key, records))
            for kind in {key.kind for key, _ in items} & IDENTITY.keys():
                self._load(kind)
            commits = self._register(items, written, run, also)
        except BaseException:
            self._discard_unregistered(written)
            raise
        kept = {commit.segment_id for commit in commits}
        self._discard([file for file in written if file is not None and file.id not in kept])
        failpoints.hit("segment.registered")
        return commits

    def _known(self, keys: Sequence[SegmentKey]) -> set[SegmentKey]:
        with self._registry.ledger.read() as session:
            return set(self._registry.batches(session, keys))

    def _write(self, key: SegmentKey, records: Sequence[Record]) -> Written:
        _check(key, records)
        batches = _batches(key.kind, records)
        first = next(batches, None)
        if first is None:
            return write_batches(self._place, key, SCHEMAS[key.kind], [])
        return write_batches(self._place, key, first.schema, chain([first], batches))

    def _load(self, kind: Kind) -> None:
        """Fill the index before the write lock is taken; under the lock only the newest segments are left."""
        with self._index.lock:
            self._index.update(kind, self._registry.segments(kind))

    def _register(
        self, items: Sequence[Item], written: Sequence[Written | None], run: str | None, also: Also | None
    ) -> list[Commit]:
        with self._index.lock:
            with self._registry.ledger.write() as session:
                overlap = _Overlap(self._registry, self._index, session)
                commits = self._register_all(session, overlap, list(zip(items, written, strict=True)), run)
                if also is not None:
                    also(session, commits)
            for (key, _), commit in zip(items, commits, strict=True):
                if commit.segment_id in overlap.identities:
                    self._index.add(key.kind, commit.segment_id, overlap.identities[commit.segment_id])
        return commits

    def _register_all(
        self, session: Session, overlap: "_Overlap", work: Sequence[tuple[Item, Written | None]], run: str | None
    ) -> list[Commit]:
        known = self._registry.batches(session, [key for (key, _), _ in work])
        now, commits, used = self._registry.ledger.now(session), [], []
        for (key, records), file in work:
            batch = known.get(key)
            redundant = batch is not None
            if batch is None:
                new = file or self._write(key, records)  # no file: it was there a moment ago and was found lost meanwhile
                overlaps = overlap.of(key.kind, records, new.id)
                batch = known[key] = self._registry.register(session, key, new, overlaps=overlaps, now=now)
            used.append(batch.id)
            commits.append(Commit(batch.segment_id, batch.rows, redundant=redundant))
        if run is not None:
            self._registry.link(session, run, used)
        return commits

    def _discard_unregistered(self, written: Sequence[Written | None]) -> None:
        """An interrupt may come after the transaction committed: ask before removing."""
        files = [file for file in written if file is not None]
        if files:
            known = self._registry.known_ids()
            self._discard([file for file in files if file.id not in known])

    def _discard(self, files: Sequence[Written]) -> None:
        for file in files:
            self._place.remove(file.kind, file.id)


class _Overlap:
    """Whether rows are stored already, as far as one write transaction goes; nobody can add one before it ends."""

    def __init__(self, registry: Registry, index: IdentityIndex, session: Session) -> None:
        self._registry = registry
        self._index = index
        self._session = session
        self._complete: dict[Kind, bool] = {}
        self._seen: dict[Kind, set[str]] = {}
        self.identities: dict[str, list[str]] = {}

    def of(self, kind: Kind, records: Sequence[Record], segment_id: str) -> bool:
        """True where a row may be there already: doubt costs reading time, a missed repetition would count twice."""
        if kind not in IDENTITY:
            return False
        if kind not in self._complete:
            self._complete[kind] = self._index.update(kind, self._registry.segments_now(kind, self._session))
        identities = self.identities[segment_id] = [identity_of(kind, record) for record in records]
        seen = self._seen.setdefault(kind, set())
        repeated = len(set(identities)) < len(identities) or not seen.isdisjoint(identities)
        seen.update(identities)
        return repeated or not self._complete[kind] or bool(self._index.find(kind, identities))


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
