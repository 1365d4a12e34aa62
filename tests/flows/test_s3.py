"""The main job with its segments on a real S3 server: the content of a local run, also after kills and losses."""

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run, finish, start
from tests.s3_server import s3_server

pytestmark = pytest.mark.services
BUCKET = "rollmill-tests"


def test_curate_kill_resume_doctor_gc_and_rebuild_on_s3(
    toy: Path, tmp_path: Path, rollmill: Run, curated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = curated()
    here = tmp_path / "on-s3"
    Workspace.init(here).close()
    for name in ("toys.py", "toy.yaml"):
        (here / name).write_text((toy / name).read_text())
    (here / "rollmill.toml").write_text(f'[segments]\nurl = "s3://{BUCKET}/a/prefix"\n')
    with s3_server(tmp_path / "s3") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(here)
        command = start("curate", "toy.yaml", "--direct", cwd=here, ROLLMILL_FAILPOINT="segment.renamed:4")
        assert finish(command).status == -9
        first = _curated(rollmill)
        assert (first["content_hash"], first["funnel"]) == (local["content_hash"], local["funnel"])
        assert 0 < first["spent"]["drawn"] <= local["funnel"]["drawn"]
        assert not (here / ".rollmill" / "segments").exists()
        assert list((here / ".rollmill" / "scratch").iterdir()) == []

        bucket = fsspec.filesystem("s3")
        lost = next(iter(bucket.find(f"{BUCKET}/a/prefix/completions")))
        bucket.rm_file(lost)
        result = rollmill("doctor", "--json")
        assert result.status == 1
        assert Path(lost).stem[:16] in result.out
        again = _curated(rollmill)
        assert again["content_hash"] == local["content_hash"]
        assert 0 < again["spent"]["drawn"] < local["funnel"]["drawn"]

        merged = json.loads(rollmill("gc", "--json").out)["merged"]
        assert {kind: counts["files_after"] for kind, counts in merged.items()}["completions"] == 1
        for file in (here / ".rollmill").glob("ledger.sqlite*"):
            file.unlink()
        assert "rollmill doctor --rebuild" in rollmill("curate", "toy.yaml", "--direct").err
        assert rollmill("doctor", "--rebuild").status == 0
        rebuilt = _curated(rollmill)
        assert (rebuilt["content_hash"], rebuilt["spent"]["drawn"]) == (local["content_hash"], 0)
        assert rollmill("doctor", "--json").status == 0


def _curated(rollmill: Run) -> dict[str, Any]:
    result = rollmill("curate", "toy.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    outcome: dict[str, Any] = json.loads(result.out)
    return outcome
