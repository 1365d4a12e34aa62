"""Firings: the starts of a schedule, each with the number it drew under and what became of it. Knows no server.

A firing is written down before its work begins, with its process: one that was killed is told from one that still runs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from storage.ledger.engine import Ledger
from storage.ledger.models import FiringRow
from storage.ledger.owners import Owner, this_process

UNFINISHED = ("failed", "interrupted", "killed")  # the next firing takes the same number and goes on


@dataclass(frozen=True, slots=True)
class Firing:
    """One start of a schedule. `fresh`: the recipe key that got `number`, None where the recipe was taken as it is.

    `status`: running, done, refused (the gate said no), stopped (a limit), failed, interrupted or killed.
    """

    id: int
    schedule: str
    fresh: str | None
    number: int | None
    status: str
    said: str
    fired_at: datetime
    run: str | None = None


class Firings:
    """The firings of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, schedule: str, recipe: str, fresh: str | None = None, above: int = 0) -> Firing:
        """Write down a start by this process. A fresh one gets the number of the last, where that is unfinished, else the
        next that no firing of this recipe had (of whichever schedule), which is more than `above`.
        """
        last = self.last(schedule)
        me = this_process()
        with self._ledger.write() as session:
            number = None
            if fresh is not None and last is not None and last.fresh == fresh and last.status in UNFINISHED:
                number = last.number
            elif fresh is not None:
                had = select(func.max(FiringRow.number)).where(FiringRow.recipe == recipe, FiringRow.fresh == fresh)
                number = max(above, session.scalar(had) or 0) + 1
            row = FiringRow(schedule=schedule, recipe=recipe, fresh=fresh, number=number, status="running", said="")
            row.host, row.pid, row.started = me.host, me.pid, me.started
            row.fired_at = self._ledger.now(session)
            session.add(row)
            session.flush()
            return _firing(row)

    def end(self, firing: int, status: str, said: str, run: str | None) -> None:
        """Write down how it ended."""
        with self._ledger.write() as session:
            row = session.get_one(FiringRow, firing)
            row.status, row.said, row.run_id, row.ended_at = status, said, run, self._ledger.now(session)

    def last(self, schedule: str) -> Firing | None:
        """The newest firing of a schedule; None where it never fired."""
        newest = select(FiringRow).where(FiringRow.schedule == schedule).order_by(FiringRow.id.desc()).limit(1)
        with self._ledger.read() as session:
            row = session.scalar(newest)
            return None if row is None else _firing(row)


def _firing(row: FiringRow) -> Firing:
    dead = row.status == "running" and Owner(row.host, row.pid, row.started).alive() is False
    status = "killed" if dead else row.status
    fired_at = datetime.fromtimestamp(row.fired_at, UTC)
    return Firing(row.id, row.schedule, row.fresh, row.number, status, row.said, fired_at, row.run_id)
