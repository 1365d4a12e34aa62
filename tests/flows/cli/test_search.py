"""A search from its recipe to a published version, and that the size of its batches changes no hash of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.flows.conftest import ROOT, Run

SMALL = ("--set", "problems.count=6", "--direct", "--json")


@pytest.fixture
def searched(tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(name: str, *sets: str) -> dict[str, Any]:
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert rollmill("init", "--bare").status == 0
        shutil.copy(ROOT / "recipes" / "searched.yaml", ".")
        said = rollmill("curate", "searched.yaml", *sets, *SMALL)
        assert said.status == 0, said.err
        outcome: dict[str, Any] = json.loads(said.out)
        return outcome

    return run


def test_a_search_is_published_and_no_batch_size_changes_its_content(searched: Any, rollmill: Run) -> None:
    first = searched("one")
    assert rollmill("dataset", "verify", "searched").status == 0
    folder = Path(first["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["funnel"]["stops"] == {"searched": 6}
    with duckdb.connect(folder / "dataset.duckdb", read_only=True) as connection:
        roles = dict(connection.execute("SELECT step, count(*) FROM threads GROUP BY ALL").fetchall())
        kept = connection.execute("SELECT count(*) FROM kept").fetchall()
        judged = connection.execute("SELECT DISTINCT step FROM decisions").fetchall()
    assert set(roles) == {"piece", "next", "answer"}
    assert roles["piece"] == 48
    assert judged == [("answer",)]
    assert kept[0][0] > 0
    second = searched("two", "--set", "generate.batch_size=7")
    other = json.loads((Path(second["path"]) / "manifest.json").read_text())
    assert other["hashes"] == manifest["hashes"]
    again = json.loads(rollmill("curate", "searched.yaml", "--set", "generate.batch_size=7", *SMALL).out)
    assert again["spent"]["drawn"] == 0
