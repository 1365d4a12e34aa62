"""Settings of dependencies that lie in a workspace: DVC's, git's, Streamlit's. None runs a program or writes a file."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security
ROLLMILL = Path(sys.executable).with_name("rollmill")
REMOTE = "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the workspace `ws`, a repository of git and DVC with one version, and `store`, where it was pushed."""
    from rollmill.storage.versions.publish import publish

    root = tmp_path_factory.mktemp("published") / "ws"
    with Workspace.init(root) as ws:
        git(root, "init", "-q", "-b", "main")
        run_dvc(root, "init", "--quiet")
        (root / ".dvc/config").write_text(REMOTE)
        publish(ws, build(), report_html="<p>ok</p>", report_json={"passed": True})
    done = rollmill(root, "dataset", "push")
    assert done.returncode == 0, done.stderr
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    return root.parent


@pytest.fixture
def clone(published: Path, tmp_path: Path) -> Path:
    """A clone of the workspace without rows and without DVC's cache, beside a copy of the remote."""
    shutil.copytree(published / "store", tmp_path / "store")
    git(tmp_path, "clone", "-q", str(published / "ws"), "clone")
    return tmp_path / "clone"


def rollmill(place: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", **variables}
    return subprocess.run(
        [ROLLMILL, *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def pointer(clone: Path) -> Path:
    return next((clone / "datasets").glob("*/v1-*.dvc"))


def put(store: Path, content: bytes) -> str:
    """Put an object into a remote; its digest."""
    name = hashlib.md5(content).hexdigest()
    place = store / "files" / "md5" / name[:2] / name[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return name


def test_a_file_of_aws_settings_in_a_clone_runs_no_command(clone: Path) -> None:
    touched = clone.parent / "touched"
    (clone / "aws.conf").write_text(f"[profile x]\ncredential_process = touch {touched}\nregion = us-east-1\n")
    (clone / ".dvc/config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/x\n    endpointurl = http://127.0.0.1:9\n"
        "    configpath = ../aws.conf\n    profile = x\n"
    )
    done = rollmill(clone, "dataset", "pull")
    assert not touched.exists()
    assert done.returncode == 2
    assert "sets remote.configpath of DVC" in done.stderr
    assert "AWS_CONFIG_FILE=PATH in your environment" in done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        (
            "['remote \"store\"']\n    url = ../../store\n    bearer_token_command = touch x\n",
            "remote.bearer_token_command",
        ),
        ("['REMOTE \"store\"']\n    url = ../../store\n    CredentialPath = ../a\n", "remote.credentialpath"),
        ("[remote]\n[[store]]\n    url = ../../store\n    configpath = ../a\n", "remote.[[...]]"),
        ("[core]\n    autostage = true\n", "core.autostage"),
        ("[plugins]\n    path = .\n", "plugins.path"),
        ("a = b\n", "a."),
    ],
)
@pytest.mark.parametrize("file", ["config", "config.local"])
def test_settings_of_dvc_that_could_run_a_program_are_refused(tmp_path: Path, file: str, setting: str, named: str) -> None:
    from rollmill.ground.errors import SetupError
    from rollmill.storage import dvc

    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / file).write_text(setting)
    with pytest.raises(SetupError) as refused:
        dvc.run(["status"], tmp_path)
    assert f"{tmp_path}/.dvc/{file} sets {named}" in refused.value.message


@pytest.mark.parametrize(
    "escape", ["../../../evil.py", "../../../../outside.py", "../../../../../../../..{tmp}/absolute.py"]
)
def test_a_listing_of_a_remote_writes_nothing_outside_of_its_version(clone: Path, escape: str) -> None:
    store = clone.parent / "store"
    before = {path for path in clone.parent.rglob("*") if "store" not in path.parts and ".dvc" not in path.parts}
    name = put(store, b"import os\n")
    listing = next(store.rglob("*.dir"))
    listing.chmod(0o644)
    rows = [*json.loads(listing.read_text()), {"md5": name, "relpath": escape.format(tmp=clone.parent)}]
    listing.write_text(json.dumps(rows))
    done = rollmill(clone, "dataset", "pull")
    assert done.returncode == 2
    assert "the listing of a folder names the path" in done.stderr
    new = {path for path in clone.parent.rglob("*") if "store" not in path.parts and ".dvc" not in path.parts} - before
    assert [path for path in new if path.is_file() and ".rollmill" not in path.parts] == []


def test_a_digest_in_a_listing_is_no_path(clone: Path) -> None:
    store = clone.parent / "store"
    listing = next(store.rglob("*.dir"))
    listing.chmod(0o644)
    rows = json.loads(listing.read_text())
    (clone.parent / "mine.txt").write_text("mine")
    rows[0]["md5"] = f"..{clone.parent}/mine.txt"
    listing.write_text(json.dumps(rows))
    done = rollmill(clone, "dataset", "pull")
    assert done.returncode == 2
    assert "the listing of a folder names the digest" in done.stderr
    assert (clone.parent / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("- md5: {name}\n  path: ../../evil.py\n  hash: md5\n", "it has 2 outputs"),
        ("wdir: ../..\n", "it sets wdir"),
        ("deps:\n- path: x\n  repo:\n    url: http://127.0.0.1:9/x\n", "it sets deps"),
        ("cmd: touch evil.py\n", "it sets cmd"),
    ],
)
def test_a_pointer_leads_to_its_own_folder_alone(clone: Path, more: str, fault: str) -> None:
    name = put(clone.parent / "store", b"import os\n")
    file = pointer(clone)
    file.write_text(file.read_text() + more.format(name=name))
    done = rollmill(clone, "dataset", "pull")
    assert done.returncode == 2
    assert f"is no pointer to {file.stem} alone: {fault}" in done.stderr
    assert not (clone / "evil.py").exists()


def test_a_pointer_to_another_path_is_refused(clone: Path) -> None:
    file = pointer(clone)
    file.write_text(file.read_text().replace(f"path: {file.stem}", "path: ../../flows"))
    assert "its path is '../../flows'" in rollmill(clone, "dataset", "pull").stderr


def test_the_clone_of_others_is_pulled_as_ever(clone: Path) -> None:
    done = rollmill(clone, "dataset", "pull")
    assert done.returncode == 0, done.stderr
    assert (pointer(clone).with_suffix("") / "dataset.duckdb").exists()


def test_settings_and_hooks_of_git_run_nothing(clone: Path) -> None:
    """A folder that was unpacked has a .git/config of its author; git itself trusts it, our commands obey none of it."""
    touched = clone.parent / "touched"
    touched.mkdir()
    hooks = clone.parent / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction", "pre-push"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {touched}/{name}\n")
        (hooks / name).chmod(0o755)
    with (clone / ".git/config").open("a") as file:
        file.write(
            f"[core]\n\tfsmonitor = touch {touched}/fsmonitor\n\thooksPath = {hooks}\n\tsshCommand = touch {touched}/ssh\n"
            f'\tpager = touch {touched}/pager\n[filter "evil"]\n\tclean = touch {touched}/clean\n'
            f"\tsmudge = touch {touched}/smudge\n\tprocess = touch {touched}/process\n\trequired = true\n"
            f"[diff]\n\texternal = touch {touched}/diff\n[alias]\n\tadd = !touch {touched}/alias\n"
        )
    (clone / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for arguments in (("dataset", "pull"), ("dataset", "push"), ("dataset", "list"), ("doctor",), ("gc", "--dry-run")):
        rollmill(clone, *arguments)
    (clone / "inner").mkdir()
    rollmill(clone / "inner", "init", ".", "--bare")
    assert sorted(path.name for path in touched.iterdir()) == []
