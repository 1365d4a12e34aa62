"""Where every row of a run went, in counts that must add up. Knows the ledger's batches and the decisions; no text.

completions = drawn + reused; planned = correct + incorrect + unparsed + undecided = kept + dropped. A run may plan one
completion for two problems (same prompt, other reference), so `planned` can exceed `completions`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select

from flows.rounds.spec import RunSpec
from storage.ledger.models import BatchRow, LostSegmentRow, RunBatchRow
from storage.records import CONTINUED, Decision, PlanRow, Rollout, StopRow
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


@dataclass(slots=True)
class Counts:
    """What is counted of the rollouts, problem by problem; `completions`, `truncated` and `tokens`: each completion once.

    `shared`: the completions that stand in several rollouts.
    """

    planned: int = 0
    kept: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    completions: int = 0
    truncated: int = 0
    tokens: int = 0
    shared: Set[str] = frozenset()
    counted: set[str] = field(default_factory=set)

    def add(self, rollouts: Sequence[Rollout], decisions: Sequence[Decision]) -> None:
        """Count the rollouts of one problem and what was decided on them."""
        self.planned += len(rollouts)
        self.kept += sum(decision.kept for decision in decisions)
        self.outcomes.update(rollout.verdict.outcome for rollout in rollouts)
        self.dropped.update(decision.reason for decision in decisions if not decision.kept)
        for completion in (rollout.completion for rollout in rollouts):
            if completion.id not in self.counted:
                if completion.id in self.shared:
                    self.counted.add(completion.id)
                self.completions += 1
                self.truncated += completion.finish_reason == "length"
                self.tokens += completion.tokens_out or 0


def stop_reasons(stops: Iterable[StopRow]) -> Counter[str]:
    """How many problems stopped for which reason."""
    return Counter(stop.reason for stop in stops if stop.reason != CONTINUED)


def funnel_of(ws: Workspace, spec: RunSpec, counts: Counts) -> Funnel:
    """The funnel of a run whose rollouts are all judged and decided; it reconciles or raises."""
    drawn, redrawn = drawn_by(ws, spec.run)
    drawn = min(drawn, counts.completions)  # what two commands drew twice is one completion
    funnel = Funnel(
        problems=len(spec.problems),
        planned=counts.planned,
        completions=counts.completions,
        drawn=drawn,
        reused=counts.completions - drawn,
        redrawn=min(redrawn, drawn),
        correct=counts.outcomes["correct"],
        incorrect=counts.outcomes["incorrect"],
        unparsed=counts.outcomes["unparsed"],
        undecided=counts.outcomes["undecided"],
        truncated=counts.truncated,
        kept=counts.kept,
        tokens=counts.tokens,
        dropped=dict(sorted(counts.dropped.items())),
        stops=dict(sorted(stop_reasons(ws.runs.stops(spec.run)).items())),
    )
    funnel.reconcile()
    return funnel


def origins_of(ws: Workspace, run: str, plans: Sequence[Sequence[PlanRow]]) -> dict[str, int]:
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
