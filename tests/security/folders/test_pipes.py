"""Pipes, sockets and devices in place of files: one line of error, and no command waits."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.storage.versions.conftest import build

pytestmark = [pytest.mark.security, pytest.mark.timeout(120)]
STATE = ("ledger.sqlite", "up.json", "up.lock", "schedules.json", "working.lock", "logs/up.log", "spool/a.jsonl", "tmp/x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    with Workspace.init(folder) as workspace:
        publish(workspace, build(), report_html="<p>", report_json={})
    shutil.copy(ROOT / "tests/toys.py", folder)
    (folder / "toy.yaml").write_text(RECIPE)
    return folder


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def said(folder: Path, *arguments: str) -> str:
    """The one line of a refusal."""
    done = finish(start(*arguments, cwd=folder), timeout=60)
    assert done.status in (1, 2), done
    assert "Traceback" not in done.err
    return done.err


@pytest.mark.parametrize(
    "name", [*(f".rollmill/{name}" for name in STATE), "datasets/toy/index.json", "models/m/index.json"]
)
def test_a_pipe_where_a_workspace_has_files_is_named(folder: Path, name: str) -> None:
    pipe(folder / name)
    for verb in (["runs", "list"], ["schedule", "list"]) if name.endswith("up.json") else (["runs", "list"],):
        assert f"{folder / name} is a pipe or a device" in said(folder, *verb)


def test_a_link_to_a_pipe_beside_is_one(folder: Path) -> None:
    pipe(folder / "pipe")
    (folder / ".rollmill/up.json").symlink_to("../pipe")
    assert ".rollmill/up.json is a pipe or a device" in said(folder, "schedule", "list")


@pytest.mark.parametrize("name", ["manifest.json", "README.md", "shards.json"])
def test_a_pipe_in_a_version_is_not_waited_for(folder: Path, name: str) -> None:
    [version] = (folder / "datasets/toy").glob("v1-*/")
    pipe(version / name)
    assert "toy@v1" in said(folder, "dataset", "verify", "toy")
    [manifest] = (folder / "datasets/toy/manifests").iterdir()
    pipe(manifest)
    assert "is not a file" in said(folder, "dataset", "export", "toy", "--format", "sft", "--out", "x.jsonl")


@pytest.mark.parametrize(
    "name", [".rollmill/schedules.json", ".rollmill/working.lock", "datasets/toy/index.json", ".gitignore"]
)
def test_a_folder_or_a_socket_in_place_of_a_file_is_named(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.mkdir()
    commands = ("init", "schedule list", "dataset list", "curate toy.yaml --direct")
    command = next(one for one, part in zip(commands, ("ign", "sched", "index", "working"), strict=True) if part in name)
    assert f"{path} is not a file. Next: mv " in said(folder, *command.split())
    path.rmdir()
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    assert f"{path} is not a file. Next: mv " in said(folder, *command.split())


@pytest.fixture
def odd(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "folder":
        path.mkdir()
        yield path
    elif request.param == "device":
        yield Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
            yield path


@pytest.mark.parametrize("odd", ["pipe", "folder", "device", "socket"], indirect=True)
def test_what_a_person_names_must_be_a_file(folder: Path, odd: Path) -> None:
    for name in ("rows.jsonl", "rows.csv", "rows.parquet", "r.yaml", "log.eval"):
        (folder / name).symlink_to(odd)
    for command in (
        "recipe check r.yaml",
        "import problems rows.jsonl --name a",
        "import problems rows.csv --name a",
        "import rollouts rows.parquet --name a --problems b",
        "curate toy.yaml --direct --profile r.yaml",
        "adopt log.eval",
    ):
        refusal = said(folder, *command.split())
        assert any(words in refusal for words in ("is not a file", "is a folder without", "holds no log")), refusal
