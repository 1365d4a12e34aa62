"""Origins of a run's completions: drawn by it, or stored before by others.

A run may plan one completion for two problems (same prompt, other reference). It counts once here and twice in the funnel
of the run's rollouts (pipelines.metrics.funnel).
"""

from collections.abc import Sequence

from sqlalchemy import func, select

from storage.ground.records import PlanRow
from storage.ledger.models import BatchRow, RunBatchRow
from storage.workspace import Workspace


def origins_so_far(ws: Workspace, run: str, plans: Sequence[Sequence[PlanRow]]) -> dict[str, int]:
    """Completions of a run's committed rounds by origin: drawn by it, stored by others, still to draw."""
    planned = sorted({row.completion_id for plan in plans for row in plan})
    stored = len(ws.segments.present("completions", planned))
    reused = reused_of(ws, run, stored)
    return {"planned": len(planned), "drawn": stored - reused, "reused": reused, "left": len(planned) - stored}


def reused_of(ws: Workspace, run: str, stored: int) -> int:
    """Number of a run's `stored` completions that it did not draw itself, by the batches that it committed."""
    own = (
        select(func.sum(BatchRow.rows))
        .join(RunBatchRow, RunBatchRow.batch == BatchRow.id)
        .where(RunBatchRow.run_id == run, BatchRow.kind == "completions")
    )
    with ws.ledger.read() as session:
        return max(0, stored - int(session.scalar(own) or 0))  # what two commands drew twice is one completion
