"""State of a finished run in the ledger: what its outcome was read from, as values that change when any of it does.

Read without the libraries of rows. Compaction changes no row, so segments count with their batches, not by their ids.
"""

from typing import Any

from sqlalchemy import func, select

from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import (
    AuditRow,
    BatchRow,
    ForecastRow,
    ImportRow,
    JudgementRow,
    LostSegmentRow,
    RunBatchRow,
    SegmentRow,
)

_MARKS = (
    select(func.count(), func.max(JudgementRow.judged_at)).select_from(JudgementRow),
    select(AuditRow.id, AuditRow.report).order_by(AuditRow.id),
    select(func.count(), func.max(ImportRow.id)).select_from(ImportRow),
    select(func.count(), func.max(ForecastRow.id)).select_from(ForecastRow),
    select(LostSegmentRow.id).order_by(LostSegmentRow.id),
    # Of imports, reviews and syntheses: of no run.
    select(func.count(), func.max(BatchRow.id)).select_from(BatchRow).where(BatchRow.id.not_in(select(RunBatchRow.batch))),
)


def run_state(ledger: Ledger, run: str) -> list[list[Any]]:
    """Batches of the run, and judgements, audits, imports, forecasts and lost segments."""
    columns = (BatchRow.kind, BatchRow.producer, BatchRow.version, BatchRow.batch_id, BatchRow.rows)
    mine = select(*columns).join(RunBatchRow, RunBatchRow.batch == BatchRow.id).where(RunBatchRow.run_id == run)
    with ledger.read() as session:
        return [[list(row) for row in session.execute(query).all()] for query in (mine.order_by(*columns[:4]), *_MARKS)]


def segment_files(ledger: Ledger) -> list[tuple[str, str, int]]:
    """Kind, id and bytes of every segment."""
    with ledger.read() as session:
        rows = session.execute(select(SegmentRow.kind, SegmentRow.id, SegmentRow.bytes)).all()
    return [(kind, segment, size) for kind, segment, size in rows]
