"""Segments and batches in the ledger: listing, registering, linking, unregistering. Opens no segment file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import BatchRow, IdentityRow, LostSegmentRow, RetiredSegmentRow, RunBatchRow, SegmentRow
from rollmill.storage.segments.keys import Kind, LostSegment, Segment, SegmentFile, SegmentKey
from rollmill.storage.segments.segment_files import BatchRows

_SEGMENTS, _BATCHES, _RUN_BATCHES, _RETIRED = (
    cast("Table", row.__table__) for row in (SegmentRow, BatchRow, RunBatchRow, RetiredSegmentRow)
)
_PARAMETERS = 1_000  # rows of one statement; the limits of SQLite and PostgreSQL are higher
_Mark = tuple[int, int, int, float]
_Listing = tuple[_Mark, list[Segment]]
_NOTHING: _Listing = ((0, 0, 0, 0.0), [])
# Built once: every reader runs these, often.
_MARK = select(
    func.count(),
    func.coalesce(func.max(_SEGMENTS.c.seq), 0),
    func.coalesce(func.sum(_SEGMENTS.c.seq), 0),
    select(func.coalesce(func.max(_RETIRED.c.retired_at), 0.0))
    .where(_RETIRED.c.kind == bindparam("kind"))
    .scalar_subquery(),
).where(_SEGMENTS.c.kind == bindparam("kind"))
_LIST = (
    select(*(_SEGMENTS.c[name] for name in Segment.__dataclass_fields__))
    .where(_SEGMENTS.c.kind == bindparam("kind"), _SEGMENTS.c.seq > bindparam("after"))
    .order_by(_SEGMENTS.c.seq)
)


@dataclass(frozen=True, slots=True)
class SegmentBatch:
    """A registered batch: its number, its segment, and its number of rows."""

    id: int
    segment_id: str
    rows: int


class SegmentRegistry:
    """The segments of one ledger. Keeps the last listing of each kind and reads it again only after a change."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._listed: dict[Kind, _Listing] = {}

    def segments(self, kind: Kind) -> list[Segment]:
        """The registered segments of a kind in registration order."""
        with self.ledger.read() as session:
            listing = self._listing(kind, session)
        self._listed[kind] = listing
        return listing[1]

    def segments_now(self, kind: Kind, session: Session) -> list[Segment]:
        """Same as `segments`, in the caller's transaction; not cached, because the transaction may be rolled back."""
        return self._listing(kind, session)[1]

    def _listing(self, kind: Kind, session: Session) -> _Listing:
        """The last listing, that listing with later additions, or a new one."""
        mark = _mark(session, kind)
        known = self._listed.get(kind, _NOTHING)
        if known[0] == mark:
            return known
        added = _list(session, kind, after=known[0][1])
        if mark == _with(known[0], added):
            return mark, known[1] + added
        return mark, _list(session, kind)

    def identity(self) -> str:
        """The id of this ledger."""
        with self.ledger.read() as session:
            return session.scalars(select(IdentityRow.id)).one()

    def is_empty(self) -> bool:
        """True without a registered segment."""
        with self.ledger.read() as session:
            return session.scalar(select(SegmentRow.seq).limit(1)) is None

    def makers(self, kind: Kind) -> list[tuple[str, str]]:
        """(producer, version) of all registered batches of a kind, the latest to store something at the end."""
        last = func.max(BatchRow.id)
        query = select(BatchRow.producer, BatchRow.version).where(BatchRow.kind == kind)
        with self.ledger.read() as session:
            rows = session.execute(query.group_by(BatchRow.producer, BatchRow.version).order_by(last)).all()
        return [(producer, version) for producer, version in rows]

    def batch(self, session: Session, key: SegmentKey) -> "SegmentBatch | None":
        """The registered batch of this key."""
        return self.batches(session, [key]).get(key)

    def batches(self, session: Session, keys: Iterable[SegmentKey]) -> dict[SegmentKey, "SegmentBatch"]:
        """The registered ones of these batches, by key."""
        registered: dict[SegmentKey, SegmentBatch] = {}
        names: dict[tuple[Kind, str, str], list[str]] = {}
        for key in keys:
            names.setdefault((key.kind, key.producer, key.version), []).append(key.batch_id)
        columns = (_BATCHES.c.batch_id, _BATCHES.c.id, _BATCHES.c.segment_id, _BATCHES.c.rows)
        for (kind, producer, version), ids in names.items():
            mine = (_BATCHES.c.kind == kind, _BATCHES.c.producer == producer, _BATCHES.c.version == version)
            for start in range(0, len(ids), _PARAMETERS):
                part = ids[start : start + _PARAMETERS]
                rows = session.connection().execute(select(*columns).where(*mine, _BATCHES.c.batch_id.in_(part)))
                registered |= {SegmentKey(kind, producer, version, name): SegmentBatch(*row) for name, *row in rows}
        return registered

    def register(
        self, session: Session, key: SegmentKey, written: SegmentFile, *, overlaps: bool, now: float
    ) -> "SegmentBatch":
        """Register a file and its batch in the caller's transaction, which holds the write lock."""
        connection = (
            session.connection()
        )  # plain statements: SQLAlchemy's bookkeeping of objects took longer than the statements
        connection.execute(insert(_SEGMENTS), {**asdict(written), "overlaps": overlaps, "created_at": now})
        inserted = connection.execute(
            insert(_BATCHES),
            {
                "kind": key.kind,
                "producer": key.producer,
                "version": key.version,
                "batch_id": key.batch_id,
                "segment_id": written.id,
                "rows": written.rows,
                "created_at": now,
            },
        )
        assert inserted.inserted_primary_key is not None
        return SegmentBatch(int(inserted.inserted_primary_key[0]), written.id, written.rows)

    def link(self, session: Session, run: str, batches: Iterable[int]) -> None:
        """Record that a run made or used these batches; repeating it changes nothing."""
        wanted = sorted(set(batches))
        connection = session.connection()
        for start in range(0, len(wanted), _PARAMETERS):
            part = wanted[start : start + _PARAMETERS]
            linked = select(_RUN_BATCHES.c.batch).where(_RUN_BATCHES.c.run_id == run, _RUN_BATCHES.c.batch.in_(part))
            new = sorted(set(part) - set(connection.execute(linked).scalars()))
            if new:
                connection.execute(insert(_RUN_BATCHES), [{"run_id": run, "batch": batch} for batch in new])

    def batches_of(self, segment_ids: Sequence[str]) -> list[BatchRows]:
        """Batches with rows in these segments, in order of registration."""
        run = select(func.min(RunBatchRow.run_id)).where(RunBatchRow.batch == BatchRow.id).scalar_subquery()
        rows: list[Any] = []
        with self.ledger.read() as session:
            for start in range(0, len(segment_ids), _PARAMETERS):
                mine = BatchRow.segment_id.in_(segment_ids[start : start + _PARAMETERS])
                rows += session.execute(select(BatchRow.id, BatchRow.batch_id, BatchRow.rows, run).where(mine)).all()
        return [BatchRows(*row[1:]) for row in sorted(rows)]

    def swap(self, session: Session, old: Sequence[Segment], new: SegmentFile) -> bool:
        """Replace several files with one; False if one of them is no longer registered."""
        ids = [segment.id for segment in old]
        parts = [ids[start : start + _PARAMETERS] for start in range(0, len(ids), _PARAMETERS)]
        counts = (session.scalar(select(func.count()).where(SegmentRow.id.in_(part))) or 0 for part in parts)
        if sum(counts) != len(ids):
            return False
        now = self.ledger.now(session)
        session.connection().execute(insert(_SEGMENTS), {**asdict(new), "overlaps": False, "created_at": now})
        for part in parts:
            session.execute(update(BatchRow).where(BatchRow.segment_id.in_(part)).values(segment_id=new.id))
            session.execute(delete(SegmentRow).where(SegmentRow.id.in_(part)))
        self._keep_files(session, [(segment.id, segment.kind) for segment in old])
        return True

    def replace(self, session: Session, old: Segment, new_id: str, checksum: str) -> bool:
        """Replace one file with another that has the same rows; False if the old one is no longer registered.

        The new file takes the old number, which decides the winner of two rows with one identity.
        """
        row = session.execute(select(_SEGMENTS).where(_SEGMENTS.c.id == old.id)).mappings().first()
        if row is None:
            return False
        # First under a number of its own: batches point to a row, and numbers are unique.
        values = {name: value for name, value in row.items() if name != "seq"}
        session.connection().execute(insert(_SEGMENTS), {**values, "id": new_id, "checksum": checksum})
        session.execute(update(BatchRow).where(BatchRow.segment_id == old.id).values(segment_id=new_id))
        session.execute(delete(SegmentRow).where(SegmentRow.id == old.id))
        session.execute(update(SegmentRow).where(SegmentRow.id == new_id).values(seq=row["seq"]))
        self._keep_files(session, [(old.id, old.kind)])
        return True

    def retire(self, session: Session, producer: str) -> None:
        """Unregister every segment of a producer."""
        segments = session.execute(select(SegmentRow.id, SegmentRow.kind).where(SegmentRow.producer == producer)).all()
        mine = select(BatchRow.id).where(BatchRow.producer == producer)
        session.execute(delete(RunBatchRow).where(RunBatchRow.batch.in_(mine)))
        session.execute(delete(BatchRow).where(BatchRow.producer == producer))
        session.execute(delete(SegmentRow).where(SegmentRow.producer == producer))
        self._keep_files(session, [(segment_id, kind) for segment_id, kind in segments])

    def forget_empty(self, session: Session, key: SegmentKey) -> None:
        """Unregister a batch without rows, so that another may have its key; no effect on a batch with rows or a missing
        one."""
        batch = self.batch(session, key)
        if batch is None or batch.rows:
            return
        session.execute(delete(RunBatchRow).where(RunBatchRow.batch == batch.id))
        session.execute(delete(BatchRow).where(BatchRow.id == batch.id))
        if not session.scalar(select(func.count()).where(BatchRow.segment_id == batch.segment_id)):
            session.execute(delete(SegmentRow).where(SegmentRow.id == batch.segment_id))
            self._keep_files(session, [(batch.segment_id, key.kind)])

    def _keep_files(self, session: Session, segments: Sequence[tuple[str, str]]) -> None:
        """Record segments as retired: their files stay for a while, for readers that listed them before."""
        if segments:
            now = self.ledger.now(session)
            retired = [{"id": segment_id, "kind": kind, "retired_at": now} for segment_id, kind in segments]
            session.execute(insert(RetiredSegmentRow), retired)

    def lose(self, session: Session, segment: Segment, problem: str, path: str) -> LostSegment:
        """Unregister a segment whose file cannot be trusted, and record the loss."""
        batches = session.scalars(select(BatchRow).where(BatchRow.segment_id == segment.id)).all()
        if batches:
            session.execute(delete(RunBatchRow).where(RunBatchRow.batch.in_([row.id for row in batches])))
            session.execute(delete(BatchRow).where(BatchRow.segment_id == segment.id))
        session.execute(delete(SegmentRow).where(SegmentRow.id == segment.id))
        session.merge(
            LostSegmentRow(
                id=segment.id,
                kind=segment.kind,
                producer=segment.producer,
                version=segment.version,
                rows=segment.rows,
                batches=[row.batch_id for row in batches],
                problem=problem,
                found_at=self.ledger.now(session),
            )
        )
        return LostSegment(segment.id, segment.kind, segment.producer, segment.version, segment.rows, problem, path)

    def has_lost(self, kind: Kind) -> bool:
        """True if a segment of this kind was ever lost."""
        with self.ledger.read() as session:
            lost = select(LostSegmentRow.id).where(LostSegmentRow.kind == kind).limit(1)
            return session.scalars(lost).first() is not None

    def known_ids(self) -> set[str]:
        """Ids of all files in the ledger, registered or retired."""
        with self.ledger.read() as session:
            known = set(session.scalars(select(SegmentRow.id)))
            return known | set(session.scalars(select(RetiredSegmentRow.id)))

    def forget_retired(self, grace: float, remove: Callable[[str, str], None]) -> int:
        """Remove files retired longer than `grace` seconds ago; the number of files."""
        with self.ledger.read() as session:
            before = self.ledger.now(session) - grace
            rows = session.scalars(select(RetiredSegmentRow).where(RetiredSegmentRow.retired_at <= before)).all()
        if not rows:
            return 0
        # Files first: a kill in between leaves records of missing files, which the next call removes.
        for row in rows:
            remove(row.kind, row.id)
        with self.ledger.write() as session:
            session.execute(delete(RetiredSegmentRow).where(RetiredSegmentRow.retired_at <= before))
        return len(rows)


def _mark(session: Session, kind: Kind) -> _Mark:
    """Fingerprint of a listing: count, highest number, sum of numbers and time of the last replacement of a file.

    It changes with every change of the listing. No number is reused, except by a file that replaces another.
    """
    number, highest, total, replaced = session.connection().execute(_MARK, {"kind": kind}).one()
    return int(number), int(highest), int(total), float(replaced)


def _with(mark: _Mark, added: Sequence[Segment]) -> _Mark:
    numbers = [segment.seq for segment in added]
    return mark[0] + len(numbers), max([mark[1], *numbers]), mark[2] + sum(numbers), mark[3]


def _list(session: Session, kind: Kind, after: int = 0) -> list[Segment]:
    return [Segment(*row) for row in session.connection().execute(_LIST, {"kind": kind, "after": after})]
