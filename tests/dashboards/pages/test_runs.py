"""Runs: what works, and one run in full; on a copy of the workspace in which one run failed and one works."""

import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from dashboards.parts.activity import follow, statuses
from storage.queries import Reader, run_progress, run_scope, runs, search_problems
from storage.queries.run_history import problems_named, timeline
from tests.dashboards.conftest import opened
from tests.dashboards.test_pages import texts

pytestmark = pytest.mark.integration

REFUSED = {"error": "the gate did not pass", "funnel": {"kept": 29, "problems": 12, "undecided": 2}}


@pytest.fixture(scope="module")
def folder(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace with the gate's refusal of the newest toy run, and a run that is at work."""
    copy = tmp_path_factory.mktemp("runs") / "ws"
    shutil.copytree(curated, copy)
    with Reader.open(copy) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
        problem = search_problems(run_scope(reader, toy)).rows[0].id
        check = {"name": "min_kept", "passed": False, "expected": "40 kept", "observed": "29", "failing_count": 1}
        good = {"name": "schema", "passed": True, "expected": "", "observed": "", "failing_count": 0, "failing": []}
        reader.runs.progress(toy, "gate", done=0, total=1, detail={"checks": [good, {**check, "failing": [problem]}]})
        reader.runs.finish(toy, "failed", REFUSED)
        reader.runs.open("live-00000000", name="live", recipe={}, recipe_hash="0" * 64)
        whole = {"median": 600.0, "low": 500.0, "high": 800.0}
        detail = {"round": 0, "made": 40, "arrived": 10, "whole": whole}
        reader.runs.progress("live-00000000", "draw", done=50, total=60, tokens=300, seconds=5.0, detail=detail)
    return copy


@pytest.fixture
def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    monkeypatch.setattr("storage.commands.as_it_is", lambda _runs, _state, listed: listed)  # no process works on it
    return folder


def test_a_run_that_works_says_the_time_of_all_its_rounds(workspace: Path) -> None:
    shown = opened("runs", run="live-00000000")
    assert not shown.exception
    assert "about 55 s left (45 s to 75 s)" in texts(shown).replace("\\", "")
    assert [button.label for button in shown.button if "ancel" in button.label] == ["Yes, cancel"]


def test_a_refused_run_opens_what_stands_in_its_way_and_can_be_resumed(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
        scope = run_scope(reader, toy)
        problem = search_problems(scope).rows[0].id
        assert problems_named(scope, [problem, "unknown"]) == [problem]
        spans = timeline(reader, toy)
    assert {span.stage for span in spans} >= {"synthesize", "select", "gate"}
    assert all(span.ended - span.begun >= timedelta(0) for span in spans)
    shown = opened("runs", run=toy, tab="Gate")
    assert not shown.exception
    assert [button.label for button in shown.button] == ["Resume"]
    checks, offenders = shown.dataframe[1].value, shown.dataframe[2].value
    assert list(checks["check"]) == [["failed"], ["passed"]]  # what failed stands first
    assert offenders["problem"][0] == f"/explore?of=run+{toy}&problem={problem}"
    assert shown.dataframe[0].value["status"].tolist() == [["running"], ["done"], ["gate refused"], ["done"]]


def test_cost_is_by_purpose_level_and_model_and_the_log_says_when(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = [run.id for run in reader.runs.list() if run.name == "toy"][-1]
        spans = timeline(reader, toy)
    assert [(span.stage, span.round) for span in spans if span.round is not None][:2] == [("draw", 0), ("verify", 0)]
    assert sum(span.rows for span in spans if span.stage == "draw") == 76
    for by, names in (("purpose", ["represented", "spent by this run", "reused"]), ("level", ["1", "2", "3"])):
        shown = opened("runs", run=toy, tab="Cost and forecast", **{"cost-by": by})
        assert list(shown.dataframe[1].value[by]) == names
    assert list(opened("runs", run=toy, tab="Log").dataframe[1].value["stage"])[:2] == ["synthesize", "draw"]


def test_a_page_is_drawn_anew_only_when_something_changed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboards.session.scope import reader

    queries: list[str] = []

    def none(_: object) -> list[object]:
        queries.append("runs")
        return []

    monkeypatch.setattr("dashboards.parts.activity.kept_runs", none)
    ended = [pair for pair in statuses(runs(reader())) if pair[1] != "running"]
    follow(reader().state(), ended)
    assert queries == []


def test_scores_that_were_added_later_are_no_part_of_a_runs_timeline(workspace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "scored"
    shutil.copytree(workspace, copy)
    with Reader.open(copy) as reader:
        run = next(run for run in reader.runs.list() if run.name == "toy" and run.status == "done")
        before = timeline(reader, run.id)
        time.sleep(0.1)
        reader.runs.progress(run.id, "score", done=76, total=76, seconds=0.01)
        assert [stage.stage for stage in run_progress(reader, run.id)].count("score") == 1
        assert timeline(reader, run.id) == before
