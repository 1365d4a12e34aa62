"""Scores and decisions over all rollouts of a run, committed once. Knows scorers and selectors; draws nothing.

The key of the decisions is a digest of the plan, the deciding verdicts and the selector with its options: deciding again
commits nothing, and what would decide otherwise has another key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

from flows.rounds.garbage import rare_collections
from flows.rounds.open_run import OpenRun
from flows.rounds.origins import CompletionCounter, Origins
from flows.rounds.plan import read_plans
from flows.rounds.plan_rows import repeated, together
from pipelines.metrics import Funnel, FunnelCounter, stop_reasons
from pipelines.score import scores_of
from storage.errors import broken
from storage.ids import ListDigest, digest128
from storage.records import Decision, PlanRow, Rollout, Score
from storage.segments.keys import SegmentKey
from storage.segments.rows import Packer
from storage.segments.schema import Record
from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """All decisions of a run with the scores they rest on, by problem id and plan. `created`: none were stored before."""

    run: str
    batch_id: str
    created: bool
    decisions: Sequence[Decision]
    scores: Sequence[Score]
    funnel: Funnel
    origins: Origins
    stops: Mapping[str, int]


@rare_collections()
def decide(ws: Workspace, run: OpenRun) -> DecisionReport:
    """Score, select, commit and count, one problem after another. RuntimeError where a planned row is not judged yet."""
    rows = together(_plans(ws, run))
    results, counter = _Results(), FunnelCounter()
    completions = CompletionCounter(shared=repeated(rows.column("completion_id")))
    solved = kept_problems = 0
    for problem_id, judged in run.rollouts(ws, rows):
        rollouts = results.scored(run, judged)
        decisions = _select(run, rollouts)
        results.decisions.add(decisions)
        for r in rollouts:
            results.deciding.add([problem_id, r.completion.id, r.verdict.verifier, r.verdict.version, r.verdict.outcome])
        counter.add_all(rollouts, decisions)
        completions.add_all(rollouts)
        solved += any(r.verdict.outcome == "correct" for r in rollouts)
        kept_problems += any(decision.kept for decision in decisions)
    batch_id = results.deciding.end(run.spec.selector.name, options_of(run.spec.selector))
    key = SegmentKey("decisions", run.id, run.spec.selector.version, batch_id)
    decided = results.decisions.rows()
    items: list[tuple[SegmentKey, Sequence[Record]]] = [(key, decided), *_score_segments(results.scores)]
    commits = ws.segments.commit_many(items, run=run.id) if decided else []
    created = bool(commits) and not commits[0].redundant
    funnel = counter.funnel(problems=len(run.spec.problems), solved=solved, kept_problems=kept_problems)
    funnel.reconcile()
    stops = stop_reasons(ws.runs.stops(run.id))
    return DecisionReport(
        run.id, batch_id, created, decided, results.scores, funnel, completions.origins(ws, run.id), stops
    )


def _plans(ws: Workspace, run: OpenRun) -> Sequence[Sequence[PlanRow]]:
    """The committed plans; those read before, where they come to the end of drawing."""
    return run.memory.plans if run.memory.plans and not run.memory.plans[-1] else read_plans(ws, run.id)


@dataclass(slots=True)
class _Results:
    """What is kept of each problem: decisions, what they rest on, and scores; no text."""

    decisions: Packer[Decision] = field(default_factory=lambda: Packer("decisions"))
    deciding: ListDigest = field(default_factory=lambda: ListDigest("decisions"))
    scores: list[Score] = field(default_factory=list)

    def scored(self, run: OpenRun, rollouts: Sequence[Rollout]) -> Sequence[Rollout]:
        """The rollouts of one problem with their scores."""
        if not run.spec.scorers:
            return rollouts
        scores = scores_of(run.spec.scorers, rollouts[0].problem, [rollout.completion for rollout in rollouts])
        self.scores += [score for given in scores.values() for score in given]
        return [replace(r, scores=scores.get(r.completion.id, ())) for r in rollouts]


def _select(run: OpenRun, rollouts: Sequence[Rollout]) -> list[Decision]:
    """The selector's decisions on one problem; one that skips or repeats a rollout is broken."""
    decisions = list(run.spec.selector.select(run.id, rollouts) or ())
    named = [decision.completion_id if isinstance(decision, Decision) else None for decision in decisions]
    if named != [rollout.completion.id for rollout in rollouts]:
        raise broken(f"selector {run.spec.selector.name!r} did not give one decision per rollout, in their order")
    if not run.spec.arms:
        return decisions
    return [replace(decision, arm=rollout.arm) for decision, rollout in zip(decisions, rollouts, strict=True)]


def _score_segments(scores: Sequence[Score]) -> list[tuple[SegmentKey, Sequence[Record]]]:
    by_scorer: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        by_scorer.setdefault((score.scorer, score.version), []).append(score)
    return [
        (SegmentKey("scores", name, version, _score_digest(members)), members)
        for (name, version), members in by_scorer.items()
    ]


def _score_digest(scores: Sequence[Score]) -> str:
    return digest128(["scores", sorted([score.completion_id, score.problem_id] for score in scores)])


def options_of(part: Any) -> dict[str, Any]:
    """The options a part was built with, as far as it says: a dataclass's fields, else its public attributes."""
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    return {name: repr(value) for name, value in sorted(vars(part).items()) if not name.startswith("_")}
