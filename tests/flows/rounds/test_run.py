"""A run end to end with the toy engine: what a run leaves, and that nothing but the recipe changes a row."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.progress import Event
from rollmill.flows.rounds import QueueLimits, decide, plan_round, run_all, run_round
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Request
from rollmill.metrics import Funnel
from rollmill.pipelines.budget.dars import DarsProp2Diff
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.score import SCORERS
from rollmill.pipelines.select.quota import AllCorrect, Quota
from tests.flows.rounds.toy import Rows, ToyEngine, ToyVerifier, calls, problems, rows_of, spec, whole, with_spec, workspace

pytestmark = pytest.mark.integration


def run_toy(path: Path, run: str = "toy-run", **changes: Any) -> Any:
    """One whole run; gives its decision report."""
    return whole(path, spec(run, **changes))[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    run_toy(path)
    return rows_of(path)


def test_the_funnel_of_a_run_adds_up(tmp_path: Path) -> None:
    report = run_toy(tmp_path)
    assert report.funnel == Funnel(
        problems=8,
        planned=52,
        correct=19,
        incorrect=29,
        unparsed=4,
        undecided=0,
        pending=0,
        kept=10,
        dropped=42,
        solved=6,
        kept_problems=5,
        dropped_by_reason={"incorrect": 29, "duplicate_solution": 5, "unparsed": 4, "over_quota": 2, "truncated": 2},
    )
    assert (report.completions, report.reused) == (52, 0)
    assert report.stops == {"target_met": 5, "trial_cap": 3}


def test_the_second_run_draws_nothing_and_builds_no_engine(tmp_path: Path) -> None:
    first = run_toy(tmp_path)
    before = rows_of(tmp_path)

    def no_engine() -> ToyEngine:
        raise AssertionError("an engine was built")

    again = run_toy(tmp_path, engine=no_engine)
    assert (first.created, again.created) == (True, False)
    assert again.decisions == first.decisions
    assert again.funnel == first.funnel
    assert rows_of(tmp_path) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 5},
        {"batch_size": 1000},
        {"engine": partial(ToyEngine, reverse=True)},
        {"engine": partial(ToyEngine, spooled=True)},
        {"limits": QueueLimits(uncommitted=1, unjudged=1)},
        {"limits": QueueLimits(unjudged=8, verify_threads=4)},
        {"problems": list(reversed(problems()))},
    ],
    ids=["batch 5", "batch 1000", "reversed", "spooled", "one open", "four verifiers", "other problem order"],
)
def test_what_is_no_row_changes_no_row(tmp_path: Path, plain: Rows, changes: dict[str, Any]) -> None:
    run_toy(tmp_path, **changes)
    assert rows_of(tmp_path) == plain


def test_a_grown_recipe_draws_only_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_toy(tmp_path / "grown", "small", budget=Fixed(initial=4), engine=partial(ToyEngine, log=log))
    assert len(calls(log)) == 32
    grown = run_toy(tmp_path / "grown", "large", budget=Fixed(initial=8), engine=partial(ToyEngine, log=log))
    assert len(calls(log)) == len(set(calls(log))) == 64
    assert (grown.completions, grown.reused) == (64, 32)
    fresh = run_toy(tmp_path / "fresh", "large", budget=Fixed(initial=8))
    assert grown.decisions == fresh.decisions
    assert rows_of(tmp_path / "grown")["completions"] == rows_of(tmp_path / "fresh")["completions"]


def test_another_selector_draws_and_judges_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_toy(tmp_path, "one", engine=partial(ToyEngine, log=log))
    toy = spec("two", selector=AllCorrect(), engine=partial(ToyEngine, log=log))
    with workspace(tmp_path, "two") as ws, toy.open(ws) as part:
        results = run_all(part)
        report = decide(part)
    assert sum(result.drawn + result.judged for result in results) == 0
    assert report.reused == 52
    assert report.funnel.dropped_by_reason == {"incorrect": 29, "truncated": 2, "unparsed": 4}
    assert len(calls(log)) == 52


def test_a_deleted_segment_is_named_and_only_its_rows_are_drawn_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    engine = partial(ToyEngine, log=log)
    first = run_toy(tmp_path / "ws", engine=engine)
    before = rows_of(tmp_path / "ws")
    with workspace(tmp_path / "ws") as ws:
        lost = ws.segments.registry.segments("completions")[1]
        Path(ws.segments.path(lost)).unlink()
    with workspace(tmp_path / "ws") as ws:
        [line] = ws.recover()
    assert f"its {lost.rows} completions" in line
    again = run_toy(tmp_path / "ws", engine=engine)
    assert len(calls(log)) == 52 + lost.rows
    assert rows_of(tmp_path / "ws") == before
    assert again.decisions == first.decisions
    assert (again.completions, again.reused) == (52, 0)


@pytest.mark.parametrize("kind", ["verdicts", "plan", "decisions"])
def test_other_lost_segments_are_made_again_without_drawing(tmp_path: Path, kind: Any) -> None:
    run_toy(tmp_path)
    before = rows_of(tmp_path)
    with workspace(tmp_path) as ws:
        for segment in ws.segments.registry.segments(kind):
            Path(ws.segments.path(segment)).unlink()
    with workspace(tmp_path) as ws:
        assert ws.recover()
    run_toy(tmp_path)
    assert rows_of(tmp_path) == before


def test_a_repaired_reference_is_judged_again_and_not_drawn_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    wrong = [Problem(prompt=problem.prompt, reference="0") for problem in problems()]
    engine = partial(ToyEngine, log=log)
    run_toy(tmp_path / "ws", "wrong", problems=wrong, budget=Fixed(initial=4), engine=engine)
    repaired = run_toy(tmp_path / "ws", "right", budget=Fixed(initial=4), engine=engine)
    assert len(calls(log)) == 32
    assert (repaired.completions, repaired.reused, repaired.funnel.correct > 0) == (32, 32, True)


def test_two_problems_with_one_prompt_share_their_completions(tmp_path: Path) -> None:
    log = tmp_path / "log"
    twins = [Problem(prompt="2 + 3 = ? (p=100%)", reference=reference) for reference in ("5", "6")]
    part: dict[str, Any] = {
        "problems": twins,
        "budget": Fixed(initial=8),
        "engine": partial(ToyEngine, log=log),
        "batch_size": 3,
    }
    report = run_toy(tmp_path / "ws", **part)
    assert len(calls(log)) == len(set(calls(log))) == 8
    assert (report.funnel.planned, report.completions) == (16, 8)
    assert (report.funnel.correct, report.funnel.incorrect) == (8, 8)


def test_prop2diff_reads_difficulty_from_the_prefix(tmp_path: Path) -> None:
    report = run_toy(tmp_path, budget=DarsProp2Diff(initial=4, target=4, cap=12), selector=Quota(per_problem=4))
    counts = Counter(decision.problem_id for decision in report.decisions)
    drawn = {problem.prompt: counts[problem.id] for problem in problems()}
    assert drawn["6 + 36 = ? (p=100%)"] == 4
    assert drawn["5 + 25 = ? (p=0%)"] == 12
    assert report.stops == {"target_met": 5, "trial_cap": 3}


def test_scores_reach_the_rollouts_and_the_store(tmp_path: Path) -> None:
    scorers = [SCORERS["length"](), SCORERS["self_certainty"]()]
    report = run_toy(tmp_path, scorers=scorers)
    assert len(report.scores) == 52
    assert {score.scorer for score in report.scores} == {"length"}
    with workspace(tmp_path) as ws:
        assert ws.segments.read("scores").num_rows == 52


def test_events_and_progress_tell_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A forecast has a share of a round's time, which on a busy machine may end before the first simulation does.
    monkeypatch.setattr("rollmill.flows.rounds.planning.whole._seconds", lambda run: 60.0)  # noqa: ARG005
    heard: list[Event] = []
    run_toy(tmp_path, on_event=heard.append)
    first = [event for event in heard if event.round == 0]
    assert first[0].kind == "planned"
    drawn = [event.done for event in first if event.kind == "drawn"]
    # How many events there are is a matter of time: batches that arrive together are told in one.
    assert (drawn, drawn[-1]) == (sorted(drawn), 32)
    assert [event.done for event in first if event.kind == "verified"] == [8, 16, 24, 32]
    assert first[-1].kind == "done"
    with workspace(tmp_path) as ws:
        progress = {part.stage: part for part in ws.runs.progress_of("toy-run")}
    assert (progress["draw"].done, progress["draw"].total, progress["draw"].tokens) == (52, 52, 207)
    whole = {"median": 52.0, "low": 52.0, "high": 52.0}
    detail = {"round": 1, "made": 52, "arrived": 0, "whole": whole}
    assert (progress["verify"].done, progress["verify"].detail) == (52, detail)


def test_what_has_come_of_a_batch_is_told_before_it_is_whole(tmp_path: Path) -> None:
    """A batch may take a slow server minutes."""
    heard: list[Event] = []

    class Slow(ToyEngine):
        """Waits in the middle of a batch until somebody was told of its first half."""

        def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
            for at, completion in enumerate(super().generate(requests)):
                for _ in range(600 if at == 4 else 0):
                    if any(event.kind == "drawn" for event in heard):
                        break
                    time.sleep(0.05)
                yield completion

    run_toy(tmp_path, engine=Slow, on_event=heard.append)
    drawn = [event for event in heard if event.kind == "drawn" and event.round == 0]
    assert drawn[0].done == 4
    assert drawn[0].tokens > 0
    assert [event.done for event in drawn] == sorted(event.done for event in drawn)
    assert drawn[-1].done == 32


def test_a_round_cannot_be_planned_or_decided_before_the_one_before_it_is_judged(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec().open(ws) as part:
        assert plan_round(part, 0) is not None
        with pytest.raises(RuntimeError, match="32 of 32 planned rollouts have no verdict; run round 0 first"):
            plan_round(part, 1)
        with pytest.raises(RuntimeError, match="cannot be planned before round 1"):
            plan_round(part, 2)
        with pytest.raises(RuntimeError, match="no verdict"):
            decide(part)


def test_a_changed_model_does_not_continue_the_old_plan(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws:
        with spec().open(ws) as part:
            rows = plan_round(part, 0)
        assert rows is not None
        other = partial(ToyEngine, model_digest="toy-2")
        with spec(engine=other).open(ws) as part, pytest.raises(SetupError, match="another model"):
            run_round(part, rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verifiers": ()}, "the recipe names no verifier"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"stream": "test"}, "unknown stream 'test'"),
    ],
)
def test_a_senseless_spec_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        spec(**changes)


def test_a_spec_without_problems_is_refused() -> None:
    with pytest.raises(SetupError, match="the recipe has no problems"):
        with_spec(spec(), problems=[])


def test_the_engine_is_closed_with_the_session_and_not_with_the_run(tmp_path: Path) -> None:
    engine = ToyEngine()
    with workspace(tmp_path) as ws, spec(engine=lambda: engine).open(ws) as run:
        run_all(run)
        run.close()
        assert not engine.closed
        run.session.close()
        assert engine.closed


def test_verifiers_are_built_once_per_thread_and_closed_with_the_run(tmp_path: Path) -> None:
    built: list[ToyVerifier] = []

    def verifier() -> ToyVerifier:
        built.append(ToyVerifier())
        return built[-1]

    run_toy(tmp_path, verifiers=(verifier,), limits=QueueLimits(verify_threads=2))
    assert len(built) in (1, 2)
    assert all(part.closed for part in built)


def test_the_chain_is_named_in_order(tmp_path: Path) -> None:
    chain = (ToyVerifier, partial(ToyVerifier, name="second"))
    with workspace(tmp_path) as ws, spec(verifiers=chain).open(ws) as part:
        assert part.verifiers.chain == (("toy", "1"), ("second", "1"))


def test_what_drawing_takes_leaves_verifiers_out(tmp_path: Path) -> None:
    """Of eight completions drawn at once the last is judged .8 seconds later: none of that is drawing."""
    slow = partial(ToyVerifier, delay=0.1)
    run = spec(
        problems=problems(2), budget=Fixed(4), verifiers=(slow,), limits=QueueLimits(poll_seconds=0.02, verify_threads=1)
    )
    [result] = whole(tmp_path, run)[0]
    assert result.seconds - result.drawing > 0.7
