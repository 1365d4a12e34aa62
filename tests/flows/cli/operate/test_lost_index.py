"""Datasets whose index.json is lost or broken, as typed: each is named with what to do, and the others are still shown."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def version(toy: Path, rollmill: Run, curated: Curated) -> Path:
    """toy@v1, tagged."""
    curated()
    assert rollmill("dataset", "tag", "toy@v1", "golden").status == 0
    return toy


def test_a_lost_index_is_refused_named_and_rebuilt(version: Path, rollmill: Run) -> None:
    index = version / "datasets" / "toy" / "index.json"
    before = index.read_text()
    index.unlink()
    again = rollmill("curate", "toy.yaml", "--direct")
    assert again.status == 2
    assert again.err.strip().endswith(f"Next: git checkout -- {index}, or rollmill dataset rebuild-index toy")
    result = rollmill("doctor", "--quick")
    assert result.status == 1
    assert f"BAD  versions     toy                  {index} is missing, though 1 versions of toy are here" in result.out
    planned = rollmill("dataset", "rebuild-index", "toy", "--dry-run", "--json")
    folder = next((version / "datasets" / "toy").glob("v1-*")).name
    assert json.loads(planned.out) == {"dataset": "toy", "dry_run": True, "left_out": [], "versions": [folder]}
    assert rollmill("dataset", "rebuild-index", "toy").out.endswith(
        "Next: rollmill dataset verify toy, then git add the dataset's index.json\n"
    )
    assert index.read_text() == before
    assert rollmill("curate", "toy.yaml", "--direct").status == 0


def test_a_broken_index_does_not_hide_the_others(version: Path, rollmill: Run) -> None:
    other = version / "datasets" / "another"
    shutil.copytree(version / "datasets" / "toy", other)
    (other / "index.json").write_text("{")
    result = rollmill("dataset", "list")
    assert result.status == 1
    assert "toy@v1" in result.out
    assert result.err.endswith(
        f"is not valid JSON (line 1: Expecting property name enclosed in double quotes). "
        f"Next: git checkout -- {other / 'index.json'}, or remove it and rollmill dataset rebuild-index another\n"
    )
    listed = rollmill("dataset", "list", "--json")
    assert [row["version"] for row in json.loads(listed.out)] == ["toy@v1"]
    findings = json.loads(rollmill("doctor", "--json").out)["findings"]
    assert [(f["name"], f["ok"]) for f in findings if f["area"] == "versions"] == [("another", False), ("toy@v1", True)]


def test_rows_that_nobody_has_are_no_sound_finding(version: Path, rollmill: Run) -> None:
    folder = next((version / "datasets" / "toy").glob("v1-*"))
    shutil.rmtree(folder)
    result = rollmill("doctor", "--quick")
    assert result.status == 1
    assert "toy@v1               rows not in this clone: rollmill curate RECIPE makes them again" in result.out
    folder.with_name(f"{folder.name}.dvc").touch()
    assert "rows not in this clone: rollmill dataset pull toy@v1" in rollmill("doctor", "--quick").out
