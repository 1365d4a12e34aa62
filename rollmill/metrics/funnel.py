"""Funnel of a run or version: outcomes, kept rollouts, and dropped ones by reason, in counts that add up.

planned = correct + incorrect + unparsed + undecided + pending; once decided, planned = kept + dropped. A completion that is
planned for two problems (same prompt, other reference) is two rollouts. Completions of steps that are not judged have no
outcome and no decision; they are counted separately.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rollmill.ground.pool import DROPPED, KEPT, STATES, Group, Pool, grouped, unjudged_completions
from rollmill.ground.records import CONTINUED, OUTCOMES, Decision, Rollout, StopRow


@dataclass(frozen=True, slots=True)
class Funnel:
    """Counts of rollouts, but `problems`, `solved` (problems with a correct rollout) and `kept_problems`.

    `pending`: planned and not judged yet; kept, dropped and kept_problems are None until the run has decided. `unjudged`:
    completions of steps that are not judged, counted separately.
    """

    problems: int
    planned: int
    correct: int
    incorrect: int
    unparsed: int
    undecided: int
    pending: int
    kept: int | None
    dropped: int | None
    solved: int
    kept_problems: int | None
    dropped_by_reason: Mapping[str, int] = field(default_factory=dict)
    unjudged: int = 0

    @property
    def judged(self) -> int:
        """Rollouts that a rate may be over."""
        return self.correct + self.incorrect + self.unparsed

    def outcomes(self) -> dict[str, int]:
        """Rollouts by outcome, pending ones left out."""
        return {outcome: getattr(self, outcome) for outcome in OUTCOMES}

    def reconcile(self) -> None:
        """RuntimeError if the counts do not add up."""
        outcomes = self.judged + self.undecided + self.pending
        if outcomes != self.planned:
            raise RuntimeError(f"{self.planned} planned rollouts have {outcomes} outcomes")
        if self.kept is not None and self.kept + sum(self.dropped_by_reason.values()) != self.planned:
            raise RuntimeError(f"{self.planned} planned rollouts are not {self.kept} kept and {self.dropped} dropped")


@dataclass(slots=True)
class FunnelCounter:
    """Streaming counts of rollouts, or of groups of equal ones; `funnel` sums up."""

    outcomes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    kept: int = 0

    def add(self, outcome: str, reason: str | None, count: int = 1, *, kept: bool | None) -> None:
        """So many rollouts of one outcome and decision; `kept` None: not decided."""
        self.outcomes[outcome] += count
        if kept:
            self.kept += count
        elif kept is not None:
            self.dropped[str(reason)] += count

    def add_all(self, rollouts: Sequence[Rollout], decisions: Sequence[Decision]) -> None:
        """The rollouts of one problem with the decision on each."""
        self.outcomes.update([rollout.verdict.outcome for rollout in rollouts])
        reasons = [decision.reason for decision in decisions if not decision.kept]
        self.kept += len(decisions) - len(reasons)
        self.dropped.update(reasons)

    def funnel(self, *, problems: int, solved: int, kept_problems: int, decided: bool = True, unjudged: int = 0) -> Funnel:
        """The funnel of all that was counted, dropped ones by the commonest reason first."""
        return Funnel(
            problems=problems,
            planned=self.outcomes.total(),
            **{state: self.outcomes[state] for state in STATES},
            kept=self.kept if decided else None,
            dropped=self.dropped.total() if decided else None,
            solved=solved,
            kept_problems=kept_problems if decided else None,
            dropped_by_reason=dict(sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))),
            unjudged=unjudged,
        )


@dataclass(slots=True)
class PairedDecisions:
    """Two sets of decisions on the same rollouts: what each keeps, by level and by reason, and where they differ."""

    before: FunnelCounter = field(default_factory=FunnelCounter)
    after: FunnelCounter = field(default_factory=FunnelCounter)
    kept_before: Counter[int | None] = field(default_factory=Counter)
    kept_after: Counter[int | None] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(
        self,
        before: tuple[Sequence[Rollout], Sequence[Decision]],
        after: tuple[Sequence[Rollout], Sequence[Decision]],
    ) -> None:
        """The rollouts of one problem with the decisions on them, in the same order on both sides."""
        level = before[0][0].problem.level
        self.before.add_all(*before)
        self.after.add_all(*after)
        self.kept_before[level] += sum(decision.kept for decision in before[1])
        self.kept_after[level] += sum(decision.kept for decision in after[1])
        reasons = [(old.reason, new.reason) for old, new in zip(before[1], after[1], strict=True)]
        self.moves.update(pair for pair in reasons if pair[0] != pair[1])

    def row(self) -> dict[str, Any]:
        """Kept on both sides and the rollouts whose reason is another, as JSON values."""
        return {"kept_before": self.before.kept, "kept_after": self.after.kept, "moves": moves_rows(self.moves)}


def moves_rows(moves: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """Numbers of rollouts that moved from one outcome or reason to another, the commonest move first, as JSON values."""
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return [{"before": before, "after": after, "rows": rows} for (before, after), rows in ordered]


def funnel_of(pool: Pool, threads: pa.Table | None = None) -> Funnel:
    """The funnel of a pool of rollouts that are decided; `threads`: what follows what, where steps do."""
    counter = FunnelCounter()
    kinds, sizes = np.unique(np.stack([pool.outcome, pool.kept, pool.reason]), axis=1, return_counts=True)
    for (outcome, kept, reason), size in zip(kinds.T.tolist(), sizes.tolist(), strict=True):
        why = pool.reasons[reason] if reason >= 0 else None
        # An unknown outcome is in no column of the funnel, so `reconcile` finds it; an open decision is None.
        counter.add(STATES[outcome] if outcome >= 0 else "unknown", why, size, kept={KEPT: True, DROPPED: False}.get(kept))
    return counter.funnel(
        problems=len(pool.problems),
        solved=len(np.unique(pool.problem[pool.has("correct")])),
        kept_problems=len(np.unique(pool.problem[pool.kept == KEPT])),
        unjudged=0 if threads is None else len(unjudged_completions(threads)),
    )


def decision_counts(pool: Pool) -> dict[str, Any]:
    """Counts of decided rollouts for a version's manifest: outcomes, decisions by reason, outcomes by level.

    Names are sorted, levels by number with `none` last; of outcomes and reasons only those that occur.
    """
    funnel = funnel_of(pool)
    kept_reasons = pool.reason[(pool.kept == KEPT) & (pool.reason >= 0)]
    kept_by_reason = {
        pool.reasons[reason]: int(size) for reason, size in zip(*np.unique(kept_reasons, return_counts=True), strict=True)
    }
    return {
        "kept": funnel.kept,
        "dropped": funnel.dropped,
        "outcomes": {name: count for name, count in sorted(funnel.outcomes().items()) if count},
        "kept_by_reason": dict(sorted(kept_by_reason.items())),
        "dropped_by_reason": dict(sorted(funnel.dropped_by_reason.items())),
        "levels": {"none" if level is None else str(level): counts for level, counts in _by_level(pool)},
    }


def _by_level(pool: Pool) -> Iterator[tuple[Group, dict[str, int]]]:
    """Problems, rollouts by outcome and kept ones of each level."""
    chosen = {name: pool.has(name) for name in OUTCOMES} | {"kept": pool.kept == KEPT}
    known, size = pool.problem >= 0, len(pool.problems)
    # The -1 of a rollout whose problem is missing would make bincount fail.
    per_problem = {name: np.bincount(pool.problem[rows & known], minlength=size) for name, rows in chosen.items()}
    for level, places in grouped(pool.strata["level"]).items():
        yield level, {"problems": len(places), **{name: int(counts[places].sum()) for name, counts in per_problem.items()}}


def stop_reasons(stops: Iterable[StopRow]) -> dict[str, int]:
    """Number of stopped problems by reason."""
    # A continued problem was given up by the rule and is drawn on at random: it has not stopped.
    return dict(sorted(Counter(stop.reason for stop in stops if stop.reason != CONTINUED).items()))
