"""Runs, progress, scopes and funnels, before and after a run has decided."""

from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Verdict
from rollmill.storage.commands import working_on
from rollmill.storage.queries import Funnel, dataset_scope, funnel, run_progress, run_scope, runs
from rollmill.storage.segments.keys import SegmentKey
from tests.storage.accepted import accept

DONE, LIVE = "toy-aaaaaaaa", "toy-bbbbbbbb"


def test_runs_are_listed_with_their_next_command(curated: Any) -> None:
    curated.ws.runs.open(LIVE, name="toy", recipe={}, recipe_hash="b" * 64)
    [killed] = [run for run in runs(curated.reader) if run.id == LIVE]
    assert (killed.status, killed.next_command) == ("killed", f"rollmill runs resume {LIVE}")
    with working_on(curated.ws.ledger.leases, LIVE):
        [live] = [run for run in runs(curated.reader) if run.id == LIVE]
    assert (live.status, live.next_command) == ("running", f"rollmill runs watch {LIVE}")
    by_id = {run.id: run for run in runs(curated.reader)}
    assert set(by_id) == {DONE, LIVE}
    assert (by_id[DONE].status, by_id[DONE].dataset) == ("done", "apples")
    assert by_id[DONE].next_command == "rollmill dataset show apples"
    curated.ws.runs.finish(LIVE, "failed", {"error": "the gate did not pass"})
    failed = next(run for run in runs(curated.reader) if run.id == LIVE)
    assert (failed.error, failed.next_command) == ("the gate did not pass", f"rollmill runs resume {LIVE}")


def test_stages_come_in_the_order_of_the_work(curated: Any) -> None:
    stages = run_progress(curated.reader, DONE)
    assert [(stage.stage, stage.done, stage.rate, stage.tokens) for stage in stages] == [
        ("draw", 48, 12.0, 336),
        ("verify", 48, 24.0, 0),
    ]


def test_what_was_stored_before_has_no_rate(curated: Any) -> None:
    curated.ws.runs.open(LIVE, name="toy", recipe={}, recipe_hash="b" * 64)
    for stage, made in (("draw", 0), ("verify", 10)):
        curated.ws.runs.progress(LIVE, stage, done=48, total=48, seconds=0.5, detail={"made": made})
    assert [stage.rate for stage in run_progress(curated.reader, LIVE)] == [None, 20.0]


def test_an_unknown_run_or_dataset_is_named_with_the_nearest(curated: Any) -> None:
    for ask in (run_progress, run_scope):
        with pytest.raises(SetupError, match=f"Did you mean '{DONE}'"):
            ask(curated.reader, "toy-aaaaaaab")
    with pytest.raises(SetupError, match="no dataset 'apples'"):
        dataset_scope(curated.reader, "apples")


def test_the_funnel_of_a_decided_run(curated: Any) -> None:
    scope = run_scope(curated.reader, DONE)
    assert (scope.prefix, scope.decided) == (4, True)
    assert funnel(scope) == Funnel(
        problems=6,
        planned=48,
        correct=15,
        incorrect=32,
        unparsed=1,
        undecided=0,
        pending=0,
        kept=9,
        dropped=39,
        solved=5,
        kept_problems=5,
        dropped_by_reason={"not correct": 33, "quota": 6},
    )


def test_the_funnel_of_a_run_under_way(curated: Any, live_run: Any) -> None:
    live_run(curated)
    scope = run_scope(curated.reader, LIVE)
    assert (scope.prefix, scope.decided) == (4, False)
    counts = funnel(scope)
    assert (counts.planned, counts.correct, counts.incorrect, counts.pending) == (24, 14, 10, 0)
    assert (counts.kept, counts.dropped, counts.kept_problems, counts.dropped_by_reason) == (None, None, None, {})


def test_a_rollout_is_pending_until_its_outcome_is_stored_and_the_last_one_counts(curated: Any, live_run: Any) -> None:
    live_run(curated, verifiers=[["strict", "1"], ["math", "2"]])
    owner = curated.problems[0]
    first = [Verdict(f"c0-{n}", owner.id, "strict", "1", "undecided" if n else "incorrect", "none") for n in range(3)]
    curated.ws.segments.commit(SegmentKey("verdicts", "strict", "1", "x"), first)
    assert funnel(run_scope(curated.reader, LIVE)).pending == 24
    accept(curated.ws, LIVE, first[:1], "first")
    counts = funnel(run_scope(curated.reader, LIVE))
    assert (counts.incorrect, counts.undecided, counts.pending) == (1, 0, 23)
    later: list[Any] = [("c0-1", "correct"), ("c0-2", "undecided")]
    accept(curated.ws, LIVE, [Verdict(cid, owner.id, "math", "2", outcome, "boxed") for cid, outcome in later], "second")
    counts = funnel(run_scope(curated.reader, LIVE))
    assert (counts.correct, counts.incorrect, counts.undecided, counts.pending) == (1, 1, 1, 21)
    accept(curated.ws, LIVE, [Verdict("c0-2", owner.id, "math", "2", "correct", "boxed")], "made again")
    accept(curated.ws, DONE, [Verdict("c0-0", owner.id, "math", "2", "correct", "boxed")])
    counts = funnel(run_scope(curated.reader, LIVE))
    assert (counts.correct, counts.incorrect, counts.undecided, counts.pending) == (2, 1, 0, 21)


def test_decisions_made_anew_replace_the_earlier_ones(curated: Any, decisions: Any) -> None:
    curated.ws.segments.commit(SegmentKey("decisions", DONE, "1", "y"), decisions(curated, kept=False))
    counts = funnel(run_scope(curated.reader, DONE))
    assert (counts.planned, counts.kept, counts.dropped) == (48, 0, 48)


def test_a_run_without_a_plan_is_empty(curated: Any) -> None:
    curated.ws.runs.open(LIVE, name="toy", recipe={}, recipe_hash="b" * 64)
    scope = run_scope(curated.reader, LIVE)
    assert (scope.prefix, scope.decided) == (0, False)
    assert funnel(scope).planned == 0
