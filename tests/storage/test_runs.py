"""Runs remember what was asked for: plans by round, stops, progress and status."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.ground.errors import SetupError
from storage.ground.records import PlanRow, StopRow
from storage.runs import Runs
from storage.segments.keys import SegmentKey
from storage.workspace import Workspace


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
