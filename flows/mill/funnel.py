"""Where every row of a run went, in counts that must add up. Knows the ledger's batches and the decisions; no text.

completions = drawn + reused; planned = correct + incorrect + unparsed + undecided = kept + dropped. A run may plan one
completion for two problems (same prompt, other reference), so `planned` can exceed `completions`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select

from flows.mill.spec import MillSpec
from storage.ledger.models import BatchRow, LostSegmentRow, RunBatchRow
from storage.records import Decision, Rollout
from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Funnel:
    """Counts of one run. `redrawn`: those of `drawn` whose segment was lost before; `truncated`: a flag, not an outcome."""

    problems: int
    planned: int
    completions: int
    drawn: int
    reused: int
    redrawn: int
    correct: int
    incorrect: int
    unparsed: int
    undecided: int
    truncated: int
    kept: int
    tokens: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    stops: Mapping[str, int] = field(default_factory=dict)

    def reconcile(self) -> None:
        """RuntimeError where the counts do not add up."""
        outcomes = self.correct + self.incorrect + self.unparsed + self.undecided
        dropped = sum(self.dropped.values())
        if self.drawn + self.reused != self.completions or min(self.drawn, self.reused) < 0:
            raise RuntimeError(f"{self.completions} completions are not {self.drawn} drawn and {self.reused} reused")
        if outcomes != self.planned:
            raise RuntimeError(f"{self.planned} planned rollouts have {outcomes} outcomes")
        if self.kept + dropped != self.planned:
            raise RuntimeError(f"{self.planned} planned rollouts are not {self.kept} kept and {dropped} dropped")

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return asdict(self)


def funnel_of(
    ws: Workspace, spec: MillSpec, rollouts: Mapping[str, Sequence[Rollout]], decisions: Sequence[Decision]
) -> Funnel:
    """The funnel of a run whose rollouts are all judged and decided; it reconciles or raises."""
    everything = [rollout for members in rollouts.values() for rollout in members]
    texts = {rollout.completion.id: rollout.completion for rollout in everything}
    outcomes = Counter(rollout.verdict.outcome for rollout in everything)
    drawn, redrawn = _drawn_by(ws, spec.run)
    drawn = min(drawn, len(texts))  # what two commands drew twice is one completion
    funnel = Funnel(
        problems=len(spec.problems),
        planned=len(everything),
        completions=len(texts),
        drawn=drawn,
        reused=len(texts) - drawn,
        redrawn=min(redrawn, drawn),
        correct=outcomes["correct"],
        incorrect=outcomes["incorrect"],
        unparsed=outcomes["unparsed"],
        undecided=outcomes["undecided"],
        truncated=sum(completion.finish_reason == "length" for completion in texts.values()),
        kept=sum(decision.kept for decision in decisions),
        tokens=sum(completion.tokens_out or 0 for completion in texts.values()),
        dropped=dict(sorted(Counter(d.reason for d in decisions if not d.kept).items())),
        stops=dict(sorted(Counter(stop.reason for stop in ws.runs.stops(spec.run)).items())),
    )
    funnel.reconcile()
    return funnel


def _drawn_by(ws: Workspace, run: str) -> tuple[int, int]:
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
