"""Scores and decisions over all rollouts of a run, committed once. Knows scorers and selectors; draws nothing.

The key of the decisions is a digest of the plan, the deciding verdicts and the selector with its options: deciding again
commits nothing, and what would decide otherwise has another key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from flows.mill.funnel import Funnel, funnel_of
from flows.mill.gather import rollouts_of
from flows.mill.plan import read_plans
from flows.mill.spec import MillSpec
from storage.ids import digest128
from storage.records import Decision, Rollout, Score
from storage.segments.keys import SegmentKey
from storage.segments.schema import Record
from storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """All decisions of a run with what they rest on, by problem id and plan. `created`: none were stored before."""

    run: str
    batch_id: str
    created: bool
    rollouts: Mapping[str, Sequence[Rollout]]
    decisions: Sequence[Decision]
    scores: Sequence[Score]
    funnel: Funnel


def decide(ws: Workspace, spec: MillSpec) -> DecisionReport:
    """Score, select, commit and count. RuntimeError where a planned row is not judged yet."""
    rows = [row for plan in read_plans(ws, spec.run) for row in plan]
    judged = rollouts_of(ws, spec, rows)
    scores = list(_scores(spec, judged))
    rollouts = _with_scores(judged, scores)
    decisions = [decision for problem_id in sorted(rollouts) for decision in _select(spec, rollouts[problem_id])]
    batch_id = _batch_id(spec, rollouts)
    key = SegmentKey("decisions", spec.run, spec.selector.version, batch_id)
    items: list[tuple[SegmentKey, Sequence[Record]]] = [(key, decisions), *_score_segments(scores)]
    commits = ws.segments.commit_many(items, run=spec.run) if decisions else []
    funnel = funnel_of(ws, spec, rollouts, decisions)
    created = bool(commits) and not commits[0].redundant
    return DecisionReport(spec.run, batch_id, created, rollouts, decisions, scores, funnel)


def _select(spec: MillSpec, rollouts: Sequence[Rollout]) -> list[Decision]:
    """The selector's decisions on one problem; one that skips or repeats a rollout is broken."""
    decisions = list(spec.selector.select(spec.run, rollouts))
    if [d.completion_id for d in decisions] != [rollout.completion.id for rollout in rollouts]:
        raise RuntimeError(f"selector {spec.selector.name} did not give one decision per rollout in order")
    return decisions


def _scores(spec: MillSpec, rollouts: Mapping[str, Sequence[Rollout]]) -> Iterator[Score]:
    for scorer in spec.scorers:
        for problem_id in sorted(rollouts):
            members = rollouts[problem_id]
            yield from scorer.score(members[0].problem, [rollout.completion for rollout in members])


def _with_scores(rollouts: Mapping[str, Sequence[Rollout]], scores: Sequence[Score]) -> dict[str, list[Rollout]]:
    by_pair: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        by_pair.setdefault((score.problem_id, score.completion_id), []).append(score)
    return {
        problem_id: [
            Rollout(r.problem, r.completion, r.verdict, tuple(by_pair.get((problem_id, r.completion.id), ())))
            for r in members
        ]
        for problem_id, members in rollouts.items()
    }


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


def _batch_id(spec: MillSpec, rollouts: Mapping[str, Sequence[Rollout]]) -> str:
    deciding = [
        [r.problem.id, r.completion.id, r.verdict.verifier, r.verdict.version, r.verdict.outcome]
        for problem_id in sorted(rollouts)
        for r in rollouts[problem_id]
    ]
    return digest128(["decisions", deciding, spec.selector.name, options_of(spec.selector)])


def options_of(part: Any) -> dict[str, Any]:
    """The options a part was built with, as far as it says: a dataclass's fields, else its public attributes."""
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    return {name: repr(value) for name, value in sorted(vars(part).items()) if not name.startswith("_")}
