"""Where the completions of a run come from: drawn by it, stored before by others, drawn anew after a loss.

For the report of a decided run and for `runs show`. A run may plan one completion for two problems (same prompt, other
reference): here it counts once, in the funnel of its rollouts (pipelines.metrics.funnel) twice.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import pyarrow as pa
from sqlalchemy import select

from storage.ledger.models import BatchRow, LostSegmentRow, RunBatchRow
from storage.records import PlanRow, Rollout
from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Origins:
    """Counts of completions. `redrawn`: those of `drawn` whose segment was lost before; `truncated`: a flag, no outcome."""

    completions: int
    drawn: int
    reused: int
    redrawn: int
    truncated: int
    tokens: int


@dataclass(slots=True)
class CompletionCounter:
    """Counts completions as they go by, each once; `shared`: those that stand in several rollouts."""

    shared: Set[str] = frozenset()
    completions: int = 0
    truncated: int = 0
    tokens: int = 0
    _counted: set[str] = field(default_factory=set)

    def add_all(self, rollouts: Sequence[Rollout]) -> None:
        """Count the completions of these that were not counted before."""
        for completion in (rollout.completion for rollout in rollouts):
            if completion.id not in self._counted:
                if completion.id in self.shared:
                    self._counted.add(completion.id)
                self.completions += 1
                self.truncated += completion.finish_reason == "length"
                self.tokens += completion.tokens_out or 0

    def add_unjudged(self, ws: Workspace, planned: pa.ChunkedArray, judged: pa.ChunkedArray) -> None:
        """Count those of steps that nobody judges: all that are planned and not judged."""
        if len(planned) == len(judged):
            return
        ids = sorted(set(planned.to_pylist()) - set(judged.to_pylist()))
        tokens = ws.segments.column("completions", "tokens_out", ids)
        reasons = ws.segments.column("completions", "finish_reason", ids)
        self.completions += len(ids)
        self.truncated += list(reasons.values()).count("length")
        self.tokens += sum(count or 0 for count in tokens.values())

    def origins(self, ws: Workspace, run: str) -> Origins:
        """Where they come from, by the batches that the run committed."""
        drawn, redrawn = drawn_by(ws, run)
        drawn = min(drawn, self.completions)  # what two commands drew twice is one completion
        return Origins(
            completions=self.completions,
            drawn=drawn,
            reused=self.completions - drawn,
            redrawn=min(redrawn, drawn),
            truncated=self.truncated,
            tokens=self.tokens,
        )


def origins_so_far(ws: Workspace, run: str, plans: Sequence[Sequence[PlanRow]]) -> dict[str, int]:
    """Where the completions of a run's committed rounds come from: drawn by it, stored by others, still to draw."""
    planned = sorted({row.completion_id for plan in plans for row in plan})
    stored = len(ws.segments.present("completions", planned))
    drawn = min(drawn_by(ws, run)[0], stored)
    return {"planned": len(planned), "drawn": drawn, "reused": stored - drawn, "left": len(planned) - stored}


def drawn_by(ws: Workspace, run: str) -> tuple[int, int]:
    """Rows in the completion batches that this run committed, and those of them that a lost segment had held before."""
    with ws.ledger.read() as session:
        batches = session.execute(
            select(BatchRow.batch_id, BatchRow.rows)
            .join(RunBatchRow, RunBatchRow.batch == BatchRow.id)
            .where(RunBatchRow.run_id == run, BatchRow.kind == "completions")
        ).all()
        lost = session.scalars(select(LostSegmentRow.batches).where(LostSegmentRow.kind == "completions")).all()
    lost_ids = {batch_id for batch_ids in lost for batch_id in batch_ids}
    return sum(rows for _, rows in batches), sum(rows for batch_id, rows in batches if batch_id in lost_ids)
