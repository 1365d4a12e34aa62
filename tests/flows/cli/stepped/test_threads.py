"""What the command line says of a run whose steps follow others: counts by step, lineages, and conversations exported."""

import json
from pathlib import Path

import pytest

from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.storage.stepped.threaded import IDS, RUN, TEXTS, snapshot, stored

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Workspace.init(tmp_path) as ws:
        stored(ws)
        ws.runs.progress(RUN, "verify", done=5, total=5)
        publish(ws, snapshot(), report_html="", report_json={})


def test_a_run_is_counted_by_its_answers_and_its_steps_by_their_completions(rollmill: Run) -> None:
    (listed,) = json.loads(rollmill("runs", "list", "--json").out)
    assert (listed["judged"], listed["planned"]) == (5, 5)
    shown = rollmill("runs", "show", RUN)
    rows = {line.split()[0]: line.split()[1:] for line in shown.out.splitlines() if line.split()}
    assert rows["mark"] == ["1", "1", "-", "-", "9"]
    assert rows["fix"] == ["1", "2", "1", "1", "18"]


@pytest.mark.parametrize("of", ["lines", RUN])
def test_why_prints_the_lineage(rollmill: Run, of: str) -> None:
    result = rollmill("dataset", "why", of, IDS["c1"])
    assert result.status == 0, result.err
    text = result.out.partition("follows, roots first")[2]
    before, _, behind = text.partition("followed by, the nearest first")
    assert f"  solve {IDS['s1']} sample 1, role answer, incorrect, by embedded m" in before
    assert f"  mark {IDS['m1']} sample 1, role step, not judged, by embedded m\n    {TEXTS['m1']}" in before
    assert behind.index(IDS["f0"]) < behind.index(IDS["f1"])
    assert "3 * 4 = 12 / 2 + 4 = 6 / #### 6" in behind
    outcome = json.loads(rollmill("dataset", "why", of, IDS["c1"], "--json").out)
    assert [row["completion_id"] for row in outcome["follows"]] == [IDS["s1"], IDS["m1"]]


def test_threads_pairs_and_labels_are_exported(rollmill: Run) -> None:
    for fmt, options, rows in (
        ("thread", [], 1),
        ("thread", ["--set", "sees_label=true"], 2),
        ("pairs", ["--set", "pair=solve:error", "--set", "spans=true"], 1),
        ("process_labels", ["--set", "least_n=2"], 1),
    ):
        result = rollmill("dataset", "export", "lines", "--format", fmt, "--out", f"{fmt}.jsonl", *options, "--json")
        assert result.status == 0, result.err
        assert json.loads(result.out)["rows"] == rows
    assert (
        rollmill("dataset", "export", "lines", "--format", "pairs", "--out", "a.jsonl", "--set", "spans=true").status == 2
    )
