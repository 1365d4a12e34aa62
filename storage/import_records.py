"""Records of imports: one per import of a file, made in the transaction that makes its rows visible.

A record names the problem set of an import's rollouts. Imports older than these records have rows and no record; see
rollmill.storage.imports.stored. Knows neither files nor columns.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import BatchRow, ImportRow, LostSegmentRow

PREFIX = "import:"
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """An import of one file. `of`: the problem set of its rollouts, None for problems alone. `problems` and `completions`:
    the number of new rows; `mapping`: the column of each field.
    """

    name: str
    kind: Literal["problems", "rollouts"]
    of: str | None
    file: str
    rows: int
    problems: int
    completions: int
    mapping: Mapping[str, str]
    notes: Sequence[str]
    imported_at: float = 0.0

    def same_file(self, other: "ImportRecord") -> bool:
        """True for two imports of one file, which may have been moved meanwhile."""
        moved = (Path(self.file).name, self.rows) == (Path(other.file).name, other.rows)
        return self.file == other.file or moved


_FIELDS = tuple(ImportRecord.__dataclass_fields__)


class Imports:
    """The imports of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def list(self) -> list[ImportRecord]:
        """Every record, the oldest first."""
        columns = [getattr(ImportRow, name) for name in _FIELDS]
        with self._ledger.read() as session:
            return [ImportRecord(*row) for row in session.execute(select(*columns).order_by(ImportRow.id))]

    def require_whole(self, name: str) -> None:
        """SetupError if segments of this import were lost or altered and its file was not imported again since."""
        # The last loss: a file imported between two losses has to be imported again.
        lost = select(func.max(LostSegmentRow.found_at), func.sum(LostSegmentRow.rows))
        with self._ledger.read() as session:
            lost_at, rows = session.execute(lost.where(LostSegmentRow.producer == producer_of(name))).one()
        if lost_at is None:
            return
        records = [record for record in self.list() if record.name == name]
        again = [record for record in records if record.imported_at > lost_at]
        stale = [record.file for record in records if not any(map(record.same_file, again))]
        # An import without records is older than they are: nobody knows which files it had.
        if stale or not records:
            raise SetupError(
                f"the import {name!r} is not whole: segments with {rows:,} rows of it were lost or damaged; import "
                f"{', '.join(dict.fromkeys(stale)) or 'its file'} again as {name}.",
                next_command=f"rollmill import show {name}",
            )

    def mark(self, names: Collection[str]) -> Mark:
        """Fingerprint of these imports' batches."""
        with self._ledger.read() as session:
            return _mark(session, names)

    def add(self, session: Session, record: ImportRecord, sets: Collection[str], before: Mark, *, new: int) -> None:
        """Record an import in the caller's transaction, which has registered `new` batches; Unavailable if batches of these
        `sets` were added or removed since `before`: the check would not hold for the stored rows.
        """
        # Under the write lock, so that nothing can be added or removed between this check and the commit.
        if _since(session, sets, before) != (before[0], new):
            raise Unavailable(
                f"another command changed the imports called {' and '.join(map(repr, sorted(sets)))} meanwhile.",
                next_command="run the same import again",
            )
        values = {name: getattr(record, name) for name in _FIELDS if name != "imported_at"}
        # By the ledger's clock, as is the time of a loss, with which `require_whole` compares it.
        session.add(ImportRow(**values, imported_at=self._ledger.now(session)))

    def forget(self, session: Session, name: str) -> None:
        """Remove the records of a name in the caller's transaction."""
        session.execute(delete(ImportRow).where(ImportRow.name == name))


def producer_of(name: str) -> str:
    """The segment producer of an import's rows."""
    return f"{PREFIX}{name}"


def _mark(session: Session, names: Collection[str]) -> Mark:
    """(number of batches, highest number); no number is reused."""
    # Both numbers: a removal changes the count, a removal and an addition the highest number.
    count, highest = session.execute(_counted(names, func.coalesce(func.max(BatchRow.id), 0))).one()
    return int(count), int(highest)


def _since(session: Session, names: Collection[str], before: Mark) -> tuple[int, int]:
    """Numbers of the batches still there since a mark, and of those added."""
    count, kept = session.execute(_counted(names, func.count().filter(BatchRow.id <= before[1]))).one()
    return int(kept), int(count) - int(kept)


def _counted(names: Collection[str], more: Any) -> Select[Any]:
    mine = BatchRow.producer.in_([producer_of(name) for name in names]), BatchRow.kind.in_(["problems", "completions"])
    return select(func.count(), more).where(*mine)
