"""What servers were asked and how it went, summed up: a row per batch, replica and outcome, never per request.

A failed attempt is no completion: it is counted here and nowhere else. What was counted since the last report and not yet
written is lost with a killed process; completions never are. Knows no engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from storage.ledger.engine import Ledger
from storage.ledger.models import AttemptRow
from storage.records import Attempt


@dataclass(frozen=True, slots=True)
class Tried:
    """Attempts of one outcome at one replica, over all batches of a run. Times are seconds since 1970."""

    replica: str
    outcome: str
    count: int
    seconds: float
    first_at: float
    last_at: float


class Attempts:
    """The attempts of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, run_id: str, batch_id: str, attempts: Sequence[Attempt]) -> None:
        """Add to the sums of a batch."""
        if not attempts:
            return
        with self._ledger.write(durable=False) as session:
            now = self._ledger.now(session)
            for attempt in attempts:
                key = (run_id, batch_id, attempt.replica, attempt.outcome)
                row = session.get(AttemptRow, key)
                if row is None:
                    names = dict(zip(("run_id", "batch_id", "replica", "outcome"), key, strict=True))
                    row = AttemptRow(**names, count=0, seconds=0.0, first_at=now)
                    session.add(row)
                row.count += attempt.count
                row.seconds += attempt.seconds
                row.last_completion, row.last_at = attempt.completion_id, now

    def of(self, run_id: str) -> list[Tried]:
        """The sums of a run, by replica and outcome."""
        row = AttemptRow
        sums = (func.sum(row.count), func.sum(row.seconds), func.min(row.first_at), func.max(row.last_at))
        question = select(row.replica, row.outcome, *sums).where(row.run_id == run_id).group_by(row.replica, row.outcome)
        with self._ledger.read() as session:
            found = session.execute(question.order_by(row.replica, row.outcome)).all()
        return [Tried(replica, outcome, int(count), *times) for replica, outcome, count, *times in found]

    def failed(self, run_id: str) -> dict[str, int]:
        """How many attempts of a run gave no completion, by batch."""
        row = AttemptRow
        question = select(row.batch_id, func.sum(row.count)).where(row.run_id == run_id, row.outcome != "ok")
        with self._ledger.read() as session:
            return {batch: int(count) for batch, count in session.execute(question.group_by(row.batch_id)).all()}
