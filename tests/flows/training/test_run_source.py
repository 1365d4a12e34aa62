"""Runs as the data of a training: the rows of their versions, identity, lineage, and runs that are refused."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.flows.training.run_source import run_snapshot, run_version
from rollmill.flows.training.training import open_training
from rollmill.flows.training.training_data import training_rows
from rollmill.flows.training.training_recipe import load_training
from rollmill.ground.errors import SetupError
from rollmill.storage.exports import export
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.schema import from_table
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, said_as_json
from tests.flows.evaluation.test_evaluate import EVALUATION
from tests.flows.training.test_trainings import recipe

pytestmark = pytest.mark.integration


@pytest.fixture
def run(toy: Path, curated: Curated) -> str:
    """A finished run of toy.yaml, which published toy@v1; student.yaml trains on it."""
    made = str(curated()["run"])
    recipe(toy, data={"run": made})
    return made


def rows_of(folder: Path, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a training on these data, without the name of their part."""
    loaded = load_training(recipe(folder, data=dict(data)))
    with Workspace.open(folder) as ws:
        lines = training_rows(ws, loaded).path.read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "dataset"} for line in lines]


@pytest.mark.parametrize("form", ["sft", "prompt_completion", "unpaired", "pairs", "rl", "prompts"])
def test_every_export_of_a_run_is_that_of_its_version(toy: Path, run: str, tmp_path: Path, form: str) -> None:
    published = resolve(toy / "datasets", "toy@v1")
    with Workspace.open(toy) as ws:
        info = run_version(ws, ws.runs.get(run), tmp_path / "written")
    assert (info.ref, info.content_hash, info.kept) == (f"run {run}", published.content_hash, published.kept)
    files = [export(one, form, tmp_path / f"{number}.jsonl").path for number, one in enumerate((info, published))]
    assert files[0].read_bytes() == files[1].read_bytes() != b""


def test_a_copied_workspace_takes_its_own_files(toy: Path, run: str, tmp_path: Path) -> None:
    there = shutil.copytree(toy, tmp_path / "there")
    (toy / "toys.py").write_text("raise ImportError\n")
    with Workspace.open(there) as ws:
        files = run_snapshot(ws, run).manifest["user_files"]
    assert [(file["file"], file["text"]) for file in files.values()] == [("toys.py", (there / "toys.py").read_text())]


def test_a_training_on_a_run_takes_what_it_kept_and_records_run_and_digests(toy: Path, run: str, rollmill: Run) -> None:
    plan = said_as_json(rollmill, "train", "student.yaml", "--dry-run")
    published = resolve(toy / "datasets", "toy@v1")
    assert [part["version"] for part in plan["data"]] == [f"run {run}"]
    assert plan["rows"] == published.kept > 0
    assert f"rows of run {run}, from models/rollmill-tiny" in rollmill("train", "student.yaml", "--dry-run").out
    outcome = said_as_json(rollmill, "train", "student.yaml")
    assert (outcome["model"], outcome["training_id"]) == ("student@v1", plan["training_id"])
    [part] = json.loads((Path(outcome["folder"]) / "training.json").read_text())["data"]
    assert (part["version"], part["run"], part["content_hash"]) == (f"run {run}", run, published.content_hash)
    assert (part["rows"], len(part["taken"])) == (published.kept, 64)
    assert f"| run {run} | {part['content_hash'][:16]} |" in rollmill("model", "show", "student").out
    [row] = json.loads(rollmill("model", "list", "--json").out)
    assert row["data"] == [f"run {run}"]
    head = (Path(outcome["folder"]) / "README.md").read_text().split("---\n")[1]
    assert "datasets" not in yaml.safe_load(head)  # of the Hub, which knows no runs
    [user] = json.loads(rollmill("dataset", "used-by", "toy@v1", "--json").out)  # its rows, whatever names them
    assert (user["model"], user["rows"]) == ("student@v1", published.kept)
    assert said_as_json(rollmill, "train", "student.yaml")["created"] is False


def test_a_run_is_named_by_its_id_or_by_its_dataset_and_stands_beside_versions(toy: Path, run: str, rollmill: Run) -> None:
    whole = rows_of(toy, {"versions": {"toy@v1": "all"}})
    assert rows_of(toy, {"run": run}) == rows_of(toy, {"run": "toy"}) == whole
    assert rows_of(toy, {"versions": {f"run {run}": "all"}}) == whole
    assert rows_of(toy, {"versions": {"toy@v1": "all", "run toy": "all"}}) == whole  # each row once
    few = rows_of(toy, {"versions": {"run toy": 3}})
    assert 3 <= len(few) < len(whole)
    other = said_as_json(rollmill, "curate", "toy.yaml", "--direct", "--set", "seed=4", "--set", "name=other")["run"]
    shared = rows_of(toy, {"versions": {"run toy": 0.5, f"run {other}": 0.5}})
    assert len(few) < len(shared) <= len(whole) + resolve(toy / "datasets", "other").kept
    with pytest.raises(SetupError, match=f"run toy, run {run} name a version twice"):
        rows_of(toy, {"versions": {"run toy": "all", f"run {run}": "all"}})


def test_a_run_that_decided_again_is_another_training(toy: Path, run: str) -> None:
    loaded = load_training(toy / "student.yaml")
    with Workspace.open(toy) as ws:
        first = open_training(ws, loaded, training_rows(ws, loaded))
        assert open_training(ws, loaded, training_rows(ws, loaded)).training_id == first.training_id
        decisions = from_table("decisions", load_snapshot(resolve(ws.datasets, "toy@v1")).decisions)
        last = next(decision for decision in reversed(decisions) if decision.kept)
        changed = [replace(one, kept=False, reason="over_quota") if one is last else one for one in decisions]
        ws.segments.commit(SegmentKey("decisions", run, last.version, "again"), changed, run=run)
        again = open_training(ws, loaded, training_rows(ws, loaded))
        assert again.rows.rows == first.rows.rows - 1
        [before], [now] = first.rows.lineage, again.rows.lineage
        assert before["run"] == now["run"] == run
        assert len({before["content_hash"], now["content_hash"], before["taken"], now["taken"]}) == 4
        assert again.training_id != first.training_id


def test_a_run_that_cannot_be_trained_on_is_named_with_the_others_and_the_next_command(
    toy: Path, run: str, rollmill: Run
) -> None:
    def refusal(named: str) -> str:
        recipe(toy, data={"run": named})
        said = rollmill("train", "student.yaml", "--dry-run")
        assert said.status == 2
        return said.err

    assert f"unknown run 'toi'. Valid: {run}. Next: rollmill runs list" in refusal("toi")
    assert f"Did you mean {run!r}?" in refusal(run[:-1])
    assert rollmill("curate", "toy.yaml", "--direct", "--set", "gate.min_kept=9999", "--set", "name=poor").status == 1
    poor = refusal("poor")
    assert ("was refused by its gate" in poor, f"Valid: {run}." in poor) == (True, True)
    with Workspace.open(toy) as ws:
        ws.runs.finish(run, "interrupted", {})
    assert f"run {run} is not finished (interrupted). Next: rollmill runs resume {run}" in refusal("toy")
    (toy / "sums.yaml").write_text(EVALUATION)
    assert rollmill("evaluate", "sums.yaml").status == 0
    with Workspace.open(toy) as ws:
        cell = next(one.id for one in ws.runs.list() if one.recipe.get("cell"))
    assert f"run {cell} measures a model in the evaluation 'sums'" in refusal(cell)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"run": "toy", "versions": {"toy@v1": "all"}}, "give versions or run"),
        ({"run": ""}, "run is the id of a run"),
        ({"run": ["toy"]}, "run is the id of a run"),
        ({}, "key 'data.versions' is missing"),
    ],
)
def test_a_mistake_about_a_run_is_named(toy: Path, rollmill: Run, data: dict[str, Any], said: str) -> None:
    recipe(toy, data=data)
    failed = rollmill("train", "student.yaml", "--dry-run")
    assert (failed.status, said in failed.err) == (2, True), failed.err
