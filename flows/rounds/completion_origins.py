"""Origins of a run's completions: drawn by it, or stored before by others.

A run may plan one completion for two problems (same prompt, other reference). It counts once here and twice in the funnel
of the run's rollouts (rollmill.metrics.funnel).
"""

from sqlalchemy import func, select

from rollmill.storage.ledger.models import BatchRow, RunBatchRow
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.workspace import Workspace

_COUNTS = """
WITH mine AS (SELECT DISTINCT completion_id AS id FROM planned WHERE round < ?)
SELECT (SELECT count(DISTINCT round) FROM planned WHERE round < ?), count(*), count(*) FILTER (there)
FROM (SELECT id, id IN (SELECT id FROM completions) AS there FROM mine)
"""


def origins_so_far(ws: Workspace, run: str) -> tuple[int, dict[str, int]]:
    """Number of committed rounds that plan something, and their completions by origin: drawn by the run, stored by others,
    still to draw.
    """
    committed = ws.runs.rounds(run)
    with run_scope(Reader(ws), run).connection("completions") as connection:
        [(rounds, planned, stored)] = connection.execute(_COUNTS, [committed, committed]).fetchall()
    reused = reused_of(ws, run, stored)
    return rounds, {"planned": planned, "drawn": stored - reused, "reused": reused, "left": planned - stored}


def reused_of(ws: Workspace, run: str, stored: int) -> int:
    """Number of a run's `stored` completions that it did not draw itself, by the batches that it committed."""
    own = (
        select(func.sum(BatchRow.rows))
        .join(RunBatchRow, RunBatchRow.batch == BatchRow.id)
        .where(RunBatchRow.run_id == run, BatchRow.kind == "completions")
    )
    with ws.ledger.read() as session:
        return max(0, stored - int(session.scalar(own) or 0))  # what two commands drew twice is one completion
