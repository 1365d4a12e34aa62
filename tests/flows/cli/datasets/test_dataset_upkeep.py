"""`rollmill dataset reproduce|gc|checkout`: made again from the recipe; taken out and put back with real git and DVC."""

import json
from pathlib import Path

import pytest

from tests.flows.cli.datasets.test_dataset_sharing import curated as version
from tests.flows.conftest import Curated, Run
from tests.repositories import git, run_dvc

pytestmark = pytest.mark.integration

ENGINE = """
import os
from toys import ToyEngine

class Drifting(ToyEngine):
    def __init__(self, model: str = "toy-1", threads: int = 0) -> None:
        super().__init__(model=model, chance=0.5)
        self.chance = float(os.environ.get("TOY_CHANCE", "0.5"))

    def fingerprint(self):
        return {"library": os.environ.get("TOY_CHANCE", "0.5")}
"""


def test_a_version_is_made_again_with_its_own_files(toy: Path, rollmill: Run, curated: Curated) -> None:
    outcome = curated()
    said = rollmill("dataset", "reproduce", "toy", "--base", ".", "--into", "again", "--json")
    assert said.status == 0, said.err
    result = json.loads(said.out)
    assert (result["equal"], result["reproduced"], result["difference"]) == (True, outcome["content_hash"], None)
    assert (toy / "again" / "datasets" / "toy" / "index.json").exists()
    said = rollmill("dataset", "reproduce", "toy", "--base", ".", "--into", "again")
    assert (said.status, "again is not empty. Next: --into NEW_FOLDER" in said.err) == (2, True)
    said = rollmill("dataset", "reproduce", "toy@v7")
    assert (said.status, "toy has no version called 'v7'" in said.err) == (2, True)
    (toy / "toys.py").write_text((toy / "toys.py").read_text() + "\n# other\n")
    said = rollmill("dataset", "reproduce", "toy", "--base", ".")
    assert (said.status, "toys.py of toy@v1 has changed since" in said.err) == (2, True)


def test_the_recipe_of_a_version_runs_again(toy: Path, rollmill: Run, curated: Curated) -> None:
    outcome = curated("toy.yaml", "--set", "select.options.per_problem=2")
    said = rollmill("dataset", "recipe", "toy@v1", "--out", "toy-v1.yaml")
    assert (said.status, said.err) == (0, "")
    assert (toy / "toy-v1.yaml").read_text().startswith("# The recipe of toy@v1, with every default.\nrecipe_schema: 1\n")
    again = json.loads(rollmill("curate", "toy-v1.yaml", "--direct", "--json").out)
    assert (again["run"], again["spent"]["drawn"], again["created"]) == (outcome["run"], 0, False)
    assert rollmill("dataset", "recipe", "toy@v1").out == (toy / "toy-v1.yaml").read_text()
    (toy / "toy-v1.yaml").write_text("mine: 1\n")
    said = rollmill("dataset", "recipe", "toy@v1", "--out", "toy-v1.yaml")
    assert (said.status, "toy-v1.yaml is there already, with another text." in said.err) == (2, True)
    (toy / "elsewhere").mkdir()
    said = rollmill("dataset", "recipe", "toy@v1", "--out", "elsewhere/toy.yaml")
    assert said.status == 0
    assert "toys.py" in said.err  # its methods are not beside it


def test_under_another_fingerprint_rates_are_compared(toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "drifting.py").write_text(ENGINE)
    version(rollmill, "generate.engine=drifting.py:Drifting", "generate.options={}")
    monkeypatch.setenv("TOY_CHANCE", "0.9")
    result = json.loads(rollmill("dataset", "reproduce", "toy", "--base", ".", "--json").out)
    assert (result["equal"], result["workspace"]) == (False, None)
    assert result["fingerprint"] == [{"key": "library", "then": "0.5", "now": "0.9"}]
    difference = result["difference"]
    assert (difference["problems"], difference["low"] < difference["difference"] < difference["high"]) == (12, True)
    page = rollmill("dataset", "reproduce", "toy", "--base", ".").out
    assert "fingerprint library: then 0.5, now 0.9\n  pass rate now - then, paired over 12 problems: +0." in page


def test_without_dvc_nothing_goes_and_nothing_comes_back(toy: Path, rollmill: Run, curated: Curated) -> None:
    curated()
    version(rollmill, "select.options.per_problem=2")
    version(rollmill, "select.options.per_problem=1")
    rows = json.loads(rollmill("dataset", "gc", "--json").out)
    assert [row["needed"] for row in rows["versions"]] == ["no DVC remote has its rows", "toy@v3 came after it", "newest"]
    assert (rows["bytes"], (toy / "datasets" / "toy" / "latest" / "dataset.duckdb").exists()) == (0, True)
    result = rollmill("dataset", "gc", "--keep", "0")
    assert (result.status, "--keep 0: the newest version always stays. Valid: 1 or more" in result.err) == (2, True)
    result = rollmill("dataset", "checkout", "toy@v1")
    assert (result.status, "the datasets are not in a DVC repository" in result.err) == (2, True)


@pytest.mark.services
def test_rows_go_and_come_back_the_same(toy: Path, rollmill: Run, tmp_path: Path) -> None:
    git(toy, "init", "-q", "-b", "main")
    run_dvc(toy, "init", "--quiet")
    run_dvc(toy, "remote", "add", "--default", "store", str(tmp_path / "store"))
    first = version(rollmill)
    version(rollmill, "select.options.per_problem=2")
    version(rollmill, "select.options.per_problem=1")
    assert rollmill("dataset", "push", "toy@v2").status == 0
    assert "stays: no DVC remote has its rows" in rollmill("dataset", "gc", "--dry-run").out
    assert rollmill("dataset", "push").status == 0
    size = sum(path.stat().st_size for path in (toy / ".dvc" / "cache").rglob("*"))
    report = json.loads(rollmill("dataset", "gc", "--dry-run", "--json").out)
    assert [row["needed"] for row in report["versions"]] == [None, "toy@v3 came after it", "newest"]
    assert Path(str(first["path"])).exists()
    assert rollmill("dataset", "gc").out.endswith("MB of 1 versions.\n")
    freed = size - sum(path.stat().st_size for path in (toy / ".dvc" / "cache").rglob("*"))
    assert (Path(str(first["path"])).exists(), report["bytes"] > freed > 1_000) == (False, True)
    assert len(json.loads(rollmill("dataset", "list", "--json").out)) == 3
    report = rollmill("dataset", "checkout", "toy@v1")
    assert (report.status, "DVC's cache in this clone does not have the rows of toy@v1" in report.err) == (2, True)
    assert "Next: rollmill dataset pull toy@v1" in report.err
    assert rollmill("dataset", "pull", "toy@v1").status == 0
    (shard,) = (Path(str(first["path"])) / "shards" / "selection").iterdir()
    shard.chmod(0o644)
    shard.write_bytes(b"damaged")
    assert "(files were missing or damaged)" in rollmill("dataset", "checkout", "toy@v1").out
    assert rollmill("dataset", "verify", "toy@v1", "--base", ".").status == 0
