"""Completions that nobody judges stand beside the funnel, and everybody who shows it says the same of them."""

import json
from pathlib import Path

import duckdb
import pytest

from rollmill.storage.queries import Reader, dataset_scope, funnel, run_scope
from rollmill.storage.workspace import Workspace
from tests.flows.cli.make.test_chained import VOTED
from tests.flows.conftest import Run


@pytest.mark.integration
def test_drawn_judged_and_kept_are_the_same_numbers_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("voted.yaml").write_text(VOTED)
    result = rollmill("curate", "voted.yaml", "--direct")
    version = next((tmp_path / "datasets/voted").glob("v1-*"))
    with duckdb.connect(str(version / "dataset.duckdb"), read_only=True) as data:
        by_role = dict(data.execute("SELECT role, count(*) FROM threads GROUP BY role").fetchall())
        [(judged, kept)] = data.execute("SELECT count(*), count(*) FILTER (kept) FROM decisions").fetchall()
        [(drawn,)] = data.execute("SELECT count(*) FROM rollouts").fetchall()
    unjudged = by_role["step"] + by_role["vote"]
    assert by_role["step"] > 0
    assert by_role["vote"] == 48
    assert drawn == judged + unjudged

    manifest = json.loads((version / "manifest.json").read_text())
    counted, counts = manifest["funnel"], manifest["counts"]
    assert (counted["drawn"], counted["unjudged"], counted["kept"]) == (judged, unjudged, kept)
    assert (counts["rollouts"], counts["unjudged"], counts["decisions"]) == (judged, unjudged, judged)
    assert manifest["cost"]["completions"] == drawn
    report = json.loads((version / "report.json").read_text())["facts"]["funnel"]
    assert (report["drawn"], report["unjudged"], report["kept"]) == (judged, unjudged, kept)
    assert f"{judged} rollouts (" in (version / "README.md").read_text()
    assert f"{unjudged} completions of steps that nobody judges" in (version / "README.md").read_text()
    assert f"completions  {drawn:>9}   in" in result.out
    assert f"{drawn} drawn now" in result.out
    assert f"not judged   {unjudged:>9}   " in result.out
    assert f"{kept} of {judged} rollouts kept" in result.out

    shown = json.loads(rollmill("runs", "show", "--json").out)
    stages = {stage["stage"]: (stage["done"], stage["total"]) for stage in shown["stages"]}
    assert stages["draw"] == (drawn, drawn)
    assert stages["verify"] == (judged, judged)
    assert (shown["judged"], shown["planned"], shown["unjudged"]) == (judged, judged, unjudged)
    assert f"\n{unjudged} of them are of unjudged steps" in rollmill("runs", "show").out
    assert [row["judged"] for row in json.loads(rollmill("runs", "list", "--json").out)] == [judged]

    with Workspace.open() as ws:
        reader = Reader(ws)
        for scope in (run_scope(reader, shown["run"]), dataset_scope(reader, "voted")):
            live = funnel(scope)
            live.reconcile()
            assert (live.planned, live.unjudged, live.kept) == (judged, unjudged, kept)
    assert rollmill("dataset", "verify", "voted").status == 0
