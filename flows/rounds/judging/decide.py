"""Decisions over all rollouts of a run with their scores, committed once. Knows selectors; draws nothing.

The key of the decisions is a digest of the plan, the deciding verdicts and the selector with its options: deciding again
commits nothing, and any change of the decisions has another key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rollmill.flows.rounds.completion_origins import reused_of
from rollmill.flows.rounds.drawing.lost_texts import check_follow_ups
from rollmill.flows.rounds.garbage import rare_collections
from rollmill.flows.rounds.judging.score import rows_of, score_run, stored_scores
from rollmill.flows.rounds.judging.votes import judge_by_votes
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_mark import options_of
from rollmill.flows.rounds.plan_rows import answers_of, distinct, together
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.ground.errors import contract_error
from rollmill.ground.ids import ListDigest
from rollmill.ground.records import Decision, Rollout, Score
from rollmill.metrics import Funnel, FunnelCounter, stop_reasons
from rollmill.pipelines.returned import check_named, check_returned
from rollmill.pipelines.select.decide import REASONS
from rollmill.pipelines.select.of_steps import behind_steps
from rollmill.roles.protocols import PlainSelector, Selector
from rollmill.storage.rollouts import Pair
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.rows import Packer


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """All decisions of a run with the scores they rest on, by problem id and plan. `created`: none were stored before.

    `completions`: those that are planned, each once; `reused`: those of them that others drew.
    """

    batch_id: str
    created: bool
    decisions: Sequence[Decision]
    scores: Sequence[Score]
    funnel: Funnel
    completions: int
    reused: int
    stops: Mapping[str, int]


@rare_collections()
def decide(run: OpenRun) -> DecisionReport:
    """Judge what waits for votes; then score, select, commit and count, one problem after another.

    RuntimeError if a planned row is not judged yet.
    """
    plans = all_plans(run)
    planned = together(plans)
    rows = answers_of(run.spec, planned)
    # Before anything is decided: a follow-up may answer a text that was lost and is another one now.
    check_follow_ups(run, plans)
    # `score_run` does so too, but not for a recipe without scorers.
    judge_by_votes(run)
    score_run(run)
    scores = stored_scores(rows_of(run), run.spec.scorers) if run.spec.scorers else {}
    results, counter = _Results(scores), FunnelCounter()
    solved = kept_problems = 0
    plain = isinstance(behind_steps(run.spec.selector), PlainSelector)
    for problem_id, judged in run.reader().rollouts(rows, run.verifiers.counted, plain=plain):
        rollouts = results.with_scores(judged)
        decisions = _select(run, rollouts)
        results.decisions.add(decisions)
        for r in rollouts:
            results.deciding.add([problem_id, r.completion.id, r.verdict.verifier, r.verdict.version, r.verdict.outcome])
        counter.add_all(rollouts, decisions)
        solved += any(r.verdict.outcome == "correct" for r in rollouts)
        kept_problems += any(decision.kept for decision in decisions)
    # The selector's options are part of the key, as its version does not say them.
    batch_id = results.deciding.end(run.spec.selector.name, options_of(run.spec.selector))
    key = SegmentKey("decisions", run.id, run.spec.selector.version, batch_id)
    decided = results.decisions.rows()
    commits = [run.workspace.segments.commit(key, decided, run=run.id)] if decided else []
    created = bool(commits) and not commits[0].redundant
    unjudged = len(planned) - len(rows)
    funnel = counter.funnel(problems=len(run.spec.problems), solved=solved, kept_problems=kept_problems, unjudged=unjudged)
    funnel.reconcile()
    stops = stop_reasons(run.workspace.runs.stops(run.id))
    stored = [score for given in scores.values() for score in given]
    completions = distinct(planned.column("completion_id"))
    reused = reused_of(run.workspace, run.id, completions)
    return DecisionReport(batch_id, created, decided, stored, funnel, completions, reused, stops)


@dataclass(slots=True)
class _Results:
    """Decisions of a run, the digest of their inputs, and the stored scores by pair; no texts."""

    scores: Mapping[Pair, tuple[Score, ...]]
    decisions: Packer[Decision] = field(default_factory=lambda: Packer("decisions"))
    deciding: ListDigest = field(default_factory=lambda: ListDigest("decisions"))

    def with_scores(self, rollouts: Sequence[Rollout]) -> Sequence[Rollout]:
        """The rollouts of one problem with their scores."""
        if not self.scores:
            return rollouts
        return [replace(r, scores=self.scores.get((r.completion.id, r.problem.id), ())) for r in rollouts]


def check_decisions(selector: Selector, decisions: Sequence[Decision]) -> None:
    """SetupError for decisions of a user's own selector that have other values than a decision may, or another reason."""
    selector = behind_steps(selector)
    check_returned(selector, "select", decisions, Decision)
    for reason in dict.fromkeys(decision.reason for decision in decisions):
        check_named(selector, "select", "reason", reason, REASONS)


def select_checked(selector: Selector, run: str, rollouts: Sequence[Rollout]) -> list[Decision]:
    """A selector's decisions on one problem; SetupError for one that skips or repeats a rollout, or returns rubbish."""
    # A selector may be foreign code: None, or items of another type, get the error below and no traceback.
    decisions = list(selector.select(run, rollouts) or ())
    named = [decision.completion_id if isinstance(decision, Decision) else None for decision in decisions]
    # In their order too: decisions and rollouts are paired by place from here on.
    if named != [rollout.completion.id for rollout in rollouts]:
        raise contract_error(f"selector {selector.name!r} did not give one decision per rollout, in their order")
    check_decisions(selector, decisions)
    return decisions


def _select(run: OpenRun, rollouts: Sequence[Rollout]) -> list[Decision]:
    """The selector's decisions on one problem, each with the step of its rollout."""
    decisions = select_checked(run.spec.selector, run.id, rollouts)
    # Only a recipe with steps names them; a selector does not know of steps.
    if not run.spec.names:
        return decisions
    return [replace(decision, step=rollout.step) for decision, rollout in zip(decisions, rollouts, strict=True)]
