"""Runs remember what was asked for: plans by round, stops, progress and status."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import PlanRow, StopRow
from rollmill.storage.ledger.models import ProgressRow, RunRow
from rollmill.storage.runs import Run, Runs
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path) as workspace:
        yield workspace


@pytest.fixture
def runs(workspace: Workspace) -> Runs:
    workspace.runs.open("toy-01234567", name="toy", recipe={"seed": 7}, recipe_hash="0123456789")
    return workspace.runs


def row(round_index: int, batch: int, ordinal: int) -> PlanRow:
    name = f"{round_index}{batch}{ordinal}"
    return PlanRow("toy-01234567", round_index, batch, ordinal, "p", "q", name, ordinal, 2**62)


def test_a_run_is_created_once_and_resumed_after(runs: Runs) -> None:
    first = runs.get("toy-01234567")
    assert (first.name, first.recipe, first.status, first.summary) == ("toy", {"seed": 7}, "running", {})
    assert abs(first.started_at - datetime.now(UTC)) < timedelta(seconds=60)
    runs.finish("toy-01234567", "interrupted", {"drawn": 3})
    stopped = runs.get("toy-01234567")
    assert (stopped.status, stopped.summary, stopped.finished_at is not None) == ("interrupted", {"drawn": 3}, True)
    resumed = runs.open("toy-01234567", name="toy", recipe={"seed": 7}, recipe_hash="0123456789")
    assert (resumed.status, resumed.started_at, resumed.finished_at) == ("running", first.started_at, None)
    assert [run.id for run in runs.list()] == ["toy-01234567"]


def at(workspace: Workspace, **times: Any) -> None:
    """Set columns of the run's row, as if commands had worked on it at these times."""
    with workspace.ledger.write() as session:
        row = session.get_one(RunRow, "toy-01234567")
        for name, value in times.items():
            setattr(row, name, value)


def again(runs: Runs, worked: float | None) -> Run:
    return runs.open("toy-01234567", name="toy", recipe={"seed": 7}, recipe_hash="0123456789", worked=worked)


def test_the_seconds_of_a_run_are_those_of_its_commands(workspace: Workspace, runs: Runs) -> None:
    now = time.time()
    at(workspace, started_at=now - 1000.0, finished_at=now - 970.0, status="interrupted")
    assert runs.get("toy-01234567").seconds == pytest.approx(30.0)
    resumed = again(runs, worked=5.0)
    [[begin, end]] = resumed.pauses
    assert begin == pytest.approx(now - 970.0)
    assert end == pytest.approx(now - 5.0, abs=30.0)
    assert resumed.seconds is None  # it has not ended
    runs.finish("toy-01234567", "done", {})
    assert runs.get("toy-01234567").seconds == pytest.approx(35.0, abs=30.0)
    at(workspace, started_at=1000.0, finished_at=1100.0, pauses=[[1010.0, 1040.0], [1060.0, 1070.0]])
    run = runs.get("toy-01234567")
    assert [run.worked_until(moment) for moment in (900.0, 1005.0, 1030.0, 1050.0, 1100.0)] == [0.0, 5.0, 10.0, 20.0, 60.0]
    assert run.seconds == 60.0


def test_a_killed_run_ended_with_its_last_report(workspace: Workspace, runs: Runs) -> None:
    now = time.time()
    runs.progress("toy-01234567", "draw", done=1, total=9)
    with workspace.ledger.write() as session:
        session.get_one(ProgressRow, ("toy-01234567", "draw")).updated_at = now - 80.0
    at(workspace, started_at=now - 100.0)
    runs.end_unattended("toy-01234567", "dismissed")
    dismissed = runs.get("toy-01234567")
    assert dismissed.status == "dismissed"
    assert dismissed.seconds == pytest.approx(20.0)
    assert dismissed.next_command == "rollmill runs resume toy-01234567"
    at(workspace, finished_at=None, status="running")
    assert again(runs, worked=None).pauses == ()  # another command works on it, too
    [pause] = again(runs, worked=0.0).pauses
    assert pause[0] == pytest.approx(now - 80.0)


def test_a_list_holds_what_other_processes_changed(workspace: Workspace, runs: Runs, tmp_path: Path) -> None:
    runs.finish("toy-01234567", "done", {"drawn": 1})
    assert [run.summary for run in runs.list()] == [{"drawn": 1}]
    with Workspace.open(tmp_path) as other:
        other.runs.open("later", name="later", recipe={}, recipe_hash="1")
        other.runs.finish("toy-01234567", "failed", {"drawn": 2})
        other.runs.finish("later", "running", {"drawn": 3})
    assert [(run.id, run.status, run.summary) for run in runs.list()] == [
        ("later", "running", {"drawn": 3}),
        ("toy-01234567", "failed", {"drawn": 2}),
    ]
    runs.finish("later", "running", {"drawn": 4})
    runs.end_unattended("toy-01234567", "dismissed")
    assert [(run.status, run.summary["drawn"]) for run in runs.list()] == [("running", 4), ("dismissed", 2)]


def test_the_latest_run_comes_first(runs: Runs) -> None:
    runs.open("later", name="later", recipe={}, recipe_hash="1")
    assert [run.id for run in runs.list()] == ["later", "toy-01234567"]


def test_mistakes_are_named(runs: Runs) -> None:
    with pytest.raises(SetupError, match=r"unknown run 'toy-0123456'\. Did you mean 'toy-01234567'\?"):
        runs.get("toy-0123456")
    with pytest.raises(SetupError, match=r"unknown run status 'dne'\. Did you mean 'done'\?"):
        runs.finish("toy-01234567", "dne", {})
    with pytest.raises(SetupError, match="unknown run 'other'"):
        runs.finish("other", "done", {})
    with pytest.raises(SetupError, match="belongs to another recipe"):
        runs.open("toy-01234567", name="toy", recipe={}, recipe_hash="9876543210")


def test_plans_come_back_round_by_round_in_order(runs: Runs) -> None:
    second = [row(1, 0, 0)]
    first = [row(0, 1, 0), row(0, 0, 1), row(0, 0, 0)]
    stop = StopRow("toy-01234567", 1, "p", "target_met")
    assert runs.plans("toy-01234567") == []
    runs.commit_plan("toy-01234567", 0, first, [])
    runs.commit_plan("toy-01234567", 1, second, [])
    runs.commit_plan("toy-01234567", 2, [], [stop])
    runs.commit_plan("another", 0, [], [])
    assert runs.plans("toy-01234567") == [[row(0, 0, 0), row(0, 0, 1), row(0, 1, 0)], second, []]
    assert runs.stops("toy-01234567") == [stop]
    assert runs.batches("toy-01234567")[0] == SegmentKey("plan", "toy-01234567", "1", "round-0")
    assert runs.batches("nobody") == []


def test_of_two_plans_of_one_round_the_first_stands(runs: Runs) -> None:
    runs.commit_plan("toy-01234567", 0, [row(0, 0, 0)], [])
    runs.commit_plan("toy-01234567", 0, [row(0, 0, 1)], [StopRow("toy-01234567", 0, "p", "budget")])
    assert runs.plans("toy-01234567") == [[row(0, 0, 0)]]
    assert runs.stops("toy-01234567") == []


def test_a_lost_plan_ends_the_known_rounds_until_it_is_committed_again(workspace: Workspace, runs: Runs) -> None:
    for index in range(3):
        runs.commit_plan("toy-01234567", index, [row(index, 0, 0)], [StopRow("toy-01234567", index, f"p{index}", "budget")])
    store = workspace.segments
    Path(store.path(store.registry.segments("plan")[1])).unlink()
    assert len(workspace.recover()) == 1
    assert runs.plans("toy-01234567") == [[row(0, 0, 0)]]
    assert [stop.problem_id for stop in runs.stops("toy-01234567")] == ["p0"]
    runs.commit_plan("toy-01234567", 1, [row(1, 0, 0)], [StopRow("toy-01234567", 1, "p1", "budget")])
    assert runs.plans("toy-01234567") == [[row(0, 0, 0)], [row(1, 0, 0)], [row(2, 0, 0)]]
    assert [stop.problem_id for stop in runs.stops("toy-01234567")] == ["p0", "p1", "p2"]


def test_progress_keeps_the_last_report_of_each_stage(runs: Runs) -> None:
    runs.progress("toy-01234567", "generate", done=1, total=10)
    runs.progress("toy-01234567", "generate", done=4, total=10, tokens=99, seconds=1.5, detail={"reused": 2})
    runs.progress("toy-01234567", "verify", done=2, total=10)
    generate, verify = runs.progress_of("toy-01234567")
    assert (generate.stage, generate.done, generate.total, generate.tokens) == ("generate", 4, 10, 99)
    assert (generate.seconds, generate.detail) == (1.5, {"reused": 2})
    assert abs(generate.updated_at - datetime.now(UTC)) < timedelta(seconds=60)
    assert (verify.stage, verify.done) == ("verify", 2)
    assert runs.progress_of("nobody") == []


def test_who_names_no_run_means_no_pilot(runs: Runs) -> None:
    runs.open("later", name="later", recipe={"pilot": {"draws": 8}}, recipe_hash="1")
    assert [runs.list()[0].is_pilot, runs.chosen(None).id, runs.chosen("later").id] == [True, "toy-01234567", "later"]
    runs.open("last", name="last", recipe={}, recipe_hash="2")
    runs.finish("last", "done", {})
    assert runs.chosen(None).id == "toy-01234567"  # it is running
    runs.finish("toy-01234567", "done", {})
    assert runs.chosen(None).id == "last"
