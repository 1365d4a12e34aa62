"""A workspace whose ledger was deleted, as typed: told as missing, registered again, and nothing is paid for twice."""

import errno
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def lost(toy: Path, rollmill: Run, curated: Curated) -> Path:
    """toy@v1, and no ledger any more."""
    curated()
    for file in (toy / ".rollmill").glob("ledger.sqlite*"):
        file.unlink()
    return toy


def test_a_deleted_ledger_is_told_and_registered_again(lost: Path, rollmill: Run) -> None:
    quick = rollmill("doctor", "--quick")
    assert quick.status == 1
    assert "BAD  workspace    ledger" in quick.out
    assert "rollmill doctor --rebuild" in quick.out
    refused = rollmill("curate", "toy.yaml", "--direct")
    assert refused.status == 2
    assert f"the ledger of the segments in {lost}/.rollmill/segments is missing" in refused.err
    assert refused.err.endswith("where it is lost: rollmill doctor --rebuild\n")
    result = rollmill("doctor", "--rebuild")
    assert result.status == 0, result.err
    assert "registered again: " in result.out
    assert "Lost with the ledger: what runs paid, forecasts, people's judgements, records of imports." in result.out
    assert rollmill("doctor").status == 0
    again = json.loads(rollmill("curate", "toy.yaml", "--direct", "--json").out)
    assert (again["spent"]["drawn"], again["spent"]["judged"], again["version"], again["created"]) == (0, 0, 1, False)
    assert rollmill("dataset", "verify", "toy").status == 0


def test_a_clone_with_the_segments_of_another_draws_nothing_anew(
    toy: Path, tmp_path: Path, rollmill: Run, curated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = curated()
    clone = tmp_path / "clone"
    left_out = shutil.ignore_patterns(".rollmill", "datasets")
    shutil.copytree(toy, clone, ignore=left_out)  # what git has of it, without the published version
    shutil.copytree(toy / ".rollmill" / "segments", clone / ".rollmill" / "segments")
    monkeypatch.chdir(clone)
    assert rollmill("doctor", "--rebuild").status == 0
    again = json.loads(rollmill("curate", "toy.yaml", "--direct", "--json").out)
    assert (again["content_hash"], again["spent"]["drawn"], again["created"]) == (first["content_hash"], 0, True)
    assert rollmill("doctor").status == 0


def test_a_rebuild_with_nothing_lost_changes_nothing(toy: Path, rollmill: Run) -> None:
    result = rollmill("doctor", "--rebuild")
    assert result.status == 2
    assert "there is nothing to rebuild. Next: rollmill doctor" in result.err


def versions(workspace: Path) -> list[str]:
    with closing(sqlite3.connect(workspace / ".rollmill" / "ledger.sqlite")) as ledger:
        return [hashed for (hashed,) in ledger.execute("select content_hash from datasets")]


@pytest.mark.parametrize("name", ["index.json", "manifests"])
@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO])
def test_versions_that_could_not_be_read_once_are_registered_by_the_same_command(
    name: str, code: int, lost: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refused(path: str, flags: int, *arguments: Any, **named: Any) -> int:
        if name in (Path(path).name, Path(path).parent.name) and not flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(code, "refused", str(path))
        return opened(path, flags, *arguments, **named)

    with monkeypatch.context() as machine:
        machine.setattr(os, "open", refused)
        first = rollmill("doctor", "--rebuild")
    assert first.status == 2
    assert name in first.err
    again = rollmill("doctor", "--rebuild")
    assert again.status == 0, again.err
    index = json.loads((lost / "datasets" / "toy" / "index.json").read_text())
    assert versions(lost) == [index["versions"][0]["content_hash"]]
