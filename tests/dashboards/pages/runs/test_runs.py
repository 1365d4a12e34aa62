"""Runs: what works, and one run in full; on a copy of the workspace in which one run failed and one works."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from rollmill.dashboards.parts.activity import follow, statuses
from rollmill.flows.job import Job
from rollmill.pipelines.own_jobs import remember_job
from rollmill.storage.queries import Reader, run_progress, run_scope, runs, search_problems
from rollmill.storage.queries.run_history import problems_named, run_times
from tests.dashboards.conftest import opened
from tests.dashboards.test_pages import texts

pytestmark = pytest.mark.integration

REFUSED = {"error": "the gate did not pass", "funnel": {"kept": 29, "problems": 12, "undecided": 2}}
CELLS = (("easy", "small"), ("easy", "big"))


@pytest.fixture(scope="module")
def folder(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace with the gate's refusal of the newest toy run, and a run that is at work."""
    copy = tmp_path_factory.mktemp("runs") / "ws"
    shutil.copytree(curated, copy)
    with Reader.open(copy) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
        problem = search_problems(run_scope(reader, toy)).rows[0].id
        check = {"name": "kept", "passed": False, "expected": "at least 40", "observed": "29", "failing_count": 1}
        check["outside"] = [{"what": "rollouts", "value": 29, "least": 40, "most": None, "option": "min_kept"}]
        good = {"name": "schema", "passed": True, "expected": "", "observed": "", "failing_count": 0, "failing": []}
        reader.runs.progress(toy, "gate", done=0, total=1, detail={"checks": [good, {**check, "failing": [problem]}]})
        reader.runs.finish(toy, "failed", REFUSED)
        for place, (benchmark, model) in enumerate(CELLS):
            _cell(reader, place, benchmark, model)
        reader.runs.open("live-00000000", name="live", recipe={}, recipe_hash="0" * 64)
        whole = {"median": 600.0, "low": 500.0, "high": 800.0}
        detail = {"round": 0, "made": 40, "arrived": 10, "whole": whole}
        reader.runs.progress("live-00000000", "draw", done=50, total=60, tokens=300, seconds=5.0, detail=detail)
        # As a round leaves it that forecast another one, which then was not needed.
        ended = {"round": 2, "whole": {"median": 96.0, "low": 80.0, "high": 120.0}}
        reader.runs.progress("bench.easy.small-00000000", "draw", done=76, total=76, detail=ended)
    return copy


def _cell(reader: Reader, place: int, benchmark: str, model: str) -> None:
    name = f"bench.{benchmark}.{model}"
    cell = {"evaluation": "bench", "benchmark": benchmark, "model": model}
    job = {"workspace": str(reader.root), "recipe": str(reader.root / "bench.yaml"), "sets": [], "verb": "evaluate"}
    recipe = {"name": name, "cell": cell, "job": job, "resolved": {}}
    reader.runs.open(f"{name}-0000000{place}", name=name, recipe=recipe, recipe_hash="0" * 64)
    row = {"metric": "pass@k", "k": 1, "group": {}, "value": 0.5 + place / 10, "low": 0.4, "high": 0.9}
    reader.runs.finish(f"{name}-0000000{place}", "done", {"problems": 8, "metrics": [row]})


@pytest.fixture
def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    monkeypatch.setattr("rollmill.storage.commands.with_killed_status", lambda _runs, _state, listed: listed)
    return folder


def test_a_run_that_works_says_the_time_of_all_its_rounds(workspace: Path) -> None:
    shown = opened("runs", run="live-00000000")
    assert not shown.exception
    assert "about 55 s left (45 s to 75 s)" in texts(shown).replace("\\", "")
    assert [button.label for button in shown.button if "ancel" in button.label] == ["Yes, cancel"]


def test_a_run_that_is_done_has_full_bars(workspace: Path) -> None:
    bars: Any = opened("runs", run="bench.easy.small-00000000").get("progress")
    assert [(bar.proto.value, bar.proto.text.replace("\\", "")) for bar in bars] == [(100, "draw 76 / 76 · round 2")]


def test_another_run_opens_with_its_progress(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
    shown = opened("runs", run=toy, tab="Gate")
    shown.selectbox(key="run-choice").set_value("live-00000000").run()
    assert not shown.exception
    assert dict(shown.query_params) == {"run": "live-00000000"}
    assert any("about 55 s left" in text.value.replace("\\", "") for text in shown.markdown)


def test_a_refused_run_opens_what_stands_in_its_way_and_is_not_resumed(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
        scope = run_scope(reader, toy)
        problem = search_problems(scope).rows[0].id
        assert problems_named(scope, [problem, "unknown"]) == [problem]
        spans = run_times(reader, toy).spans
    assert {span.stage for span in spans} >= {"synthesize", "select", "gate"}
    shown = opened("runs", run=toy, tab="Gate")
    assert not shown.exception
    assert [button.label for button in shown.button] == ["Dismiss"]
    text = texts(shown)
    assert "selected 29, published none" in shown.warning[0].value
    assert "rollouts: 29 of at least 40" in text
    elements: Any = shown.get("page_link")
    against = next(link for link in elements if link.label == "Rows against it")
    assert against.proto.query_string == f"of=run+{toy}&rows=rollouts&kept=no"
    checks, offenders = shown.dataframe[1].value, shown.dataframe[2].value
    assert list(checks["check"]) == [["failed"], ["passed"]]  # what failed stands first
    assert offenders["problem"][0] == f"/explore?of=run+{toy}&problem={problem}"
    table = shown.dataframe[0].value
    assert table["status"].tolist() == [["running"], ["done"], ["done"], ["gate refused"], ["done"]]
    assert table["open"].tolist() == ["", "", "", "▶", ""]
    assert table["kept"].fillna(-1).tolist() == [-1, -1, 3, -1, 29]


def test_the_limit_is_changed_in_the_command_that_asks_again(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        run = next(run for run in reader.runs.list() if run.name == "toy")
        toy, job = run.id, Job.of_run(reader.runs.get(run.id).recipe["job"], workspace)
    shown = opened("runs", run=toy)
    assert "Change the limit to ask again." in texts(shown)
    limit = shown.number_input(key=f"limit-{toy}-min_kept")
    assert (limit.label, limit.value) == ("gate.min_kept", 10)
    limit.set_value(7).run()
    commands = [code.value for code in shown.code]
    assert "rollmill curate toy.yaml --set select.options.per_problem=1 --set gate.min_kept=7" in commands
    assert [button.label for button in shown.button] == ["Dismiss"]
    assert "You did not run this recipe and profile in this folder" in " ".join(caption.value for caption in shown.caption)
    remember_job(job.recipe, job.sets, job.profile)
    assert [button.label for button in shown.run().button] == ["Ask again", "Dismiss"]


def test_the_cells_of_an_evaluation_are_one_row_until_it_is_chosen(workspace: Path) -> None:
    folded = opened("runs").dataframe[0].value
    assert [name for name in folded["run"] if "bench" in name] == ["bench (2 cells)"]
    shown = opened("runs", run="bench")
    table = shown.dataframe[0].value
    assert table["run"].tolist()[1:4] == ["bench (2 cells)", "↳ easy.big-00000001", "↳ easy.small-00000000"]
    assert table["pass rate"].tolist()[1:4] == ["", "0.600 [0.400, 0.900]", "0.500 [0.400, 0.900]"]
    assert table["model"].tolist()[1:4] == ["small, big", "big", "small"]
    assert "2 cells, 2 of them done, of 2 models: small, big" in texts(shown)
    assert "rollmill leaderboard bench" in [code.value for code in shown.code]
    opened_cell = opened("runs", run="bench.easy.big-00000001").dataframe[0].value
    assert opened_cell["open"].tolist()[:4] == ["", "", "▶", ""]


def test_runs_are_filtered_in_the_address(workspace: Path) -> None:
    for address, names in (
        ({"state": "gate refused"}, ["toy"]),
        ({"recipe": "bench"}, ["bench (2 cells)"]),
        ({"text": "SMALL"}, ["bench (2 cells)"]),
        ({"text": "hostile", "state": "done"}, ["hostile"]),
    ):
        table = opened("runs", **address).dataframe[0].value
        assert [name.rpartition("-")[0] or name for name in table["run"]] == names
    assert [box.value for box in opened("runs", text="nobody").info] == ["No run matches. Remove a filter."]


def test_cost_is_by_purpose_level_and_model_and_the_log_says_when(workspace: Path) -> None:
    with Reader.open(workspace) as reader:
        toy = [run.id for run in reader.runs.list() if run.name == "toy"][-1]
        spans = run_times(reader, toy).spans
    assert [(span.stage, span.round) for span in spans if span.round is not None][:2] == [("draw", 0), ("verify", 0)]
    assert sum(span.rows for span in spans if span.stage == "draw") == 76
    for by, names in (("purpose", ["represented", "spent by this run", "reused"]), ("level", ["1", "2", "3"])):
        shown = opened("runs", run=toy, tab="Cost and forecast", **{"cost-by": by})
        assert list(shown.dataframe[1].value[by]) == names
    assert list(opened("runs", run=toy, tab="Log").dataframe[1].value["stage"])[:2] == ["synthesize", "draw"]


def test_a_page_is_drawn_anew_only_when_something_changed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.dashboards.session.scope import reader

    queries: list[str] = []

    def none(_: object) -> list[object]:
        queries.append("runs")
        return []

    monkeypatch.setattr("rollmill.dashboards.parts.activity.kept_runs", none)
    ended = [pair for pair in statuses(runs(reader())) if pair[1] != "running"]
    follow(reader().state(), ended)
    assert queries == []


def test_scores_that_were_added_later_are_no_part_of_a_runs_timeline(workspace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "scored"
    shutil.copytree(workspace, copy)
    with Reader.open(copy) as reader:
        run = next(run for run in reader.runs.list() if run.name == "toy" and run.status == "done")
        before = run_times(reader, run.id)
        time.sleep(0.1)
        reader.runs.progress(run.id, "score", done=76, total=76, seconds=0.01)
        assert [stage.stage for stage in run_progress(reader, run.id)].count("score") == 1
        assert run_times(reader, run.id) == before
