"""Two clones that both made a version: git shows a conflict, `rebase` settles it, nothing is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import SetupError
from storage.versions.index import load_index
from storage.versions.marks import sign_off, tag
from storage.versions.publish import publish
from storage.versions.read import load_manifest, load_snapshot
from storage.versions.repair import rebase, sides
from storage.versions.resolve import resolve, versions
from storage.versions.snapshot import Snapshot
from storage.workspace import Workspace

Build = Callable[..., Snapshot]
OURS, THEIRS = (True,) * 6, (False,) * 6


def git(root: Path, *arguments: str, code: int = 0) -> str:
    identity = {f"GIT_{role}_{what}": "t@t" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def put(ws: Workspace, snapshot: Snapshot) -> str:
    return publish(ws, snapshot, report_html="", report_json={}).version.folder


def commit(ws: Workspace) -> None:
    git(ws.root, "add", "datasets/toy/index.json", "datasets/toy/manifests")
    git(ws.root, "commit", "-q", "-m", "a version")


@pytest.fixture
def conflict(ws: Workspace, snapshot: Build, tmp_path: Path) -> Workspace:
    """The workspace `ws` after merging a clone; both made a v2."""
    git(ws.root, "init", "-q", "-b", "main")
    put(ws, snapshot())
    commit(ws)
    other = tmp_path / "clone"
    shutil.copytree(ws.root, other)
    with Workspace.open(other) as clone:
        assert put(clone, snapshot(kept=THEIRS)) == "v2-1762fa78"
        tag(clone, "toy@v2", "theirs")
        commit(clone)
    assert put(ws, snapshot(kept=OURS)) == "v2-3c475e33"
    tag(ws, "toy@v2", "ours")
    sign_off(ws, "toy@v2", "Ada")
    commit(ws)
    git(ws.root, "pull", "-q", "--no-rebase", str(other), "main", code=1)
    return ws


def test_until_it_is_settled_every_command_says_so(conflict: Workspace) -> None:
    with pytest.raises(SetupError, match=r"two clones made .* Next: rollmill dataset rebase toy"):
        resolve(conflict.datasets, "toy")


def test_our_version_moves_behind_theirs(conflict: Workspace) -> None:
    settled = rebase(conflict, "toy")
    assert settled.renamed == {"v2-3c475e33": "v3-3c475e33"}
    assert settled.git_add == "git add datasets/toy/index.json datasets/toy/manifests"
    found = versions(conflict.datasets, "toy")
    assert [info.folder for info in found] == ["v1-ab183de1", "v2-1762fa78", "v3-3c475e33"]
    assert [info.tags for info in found] == [(), ("theirs",), ("ours",)]
    assert found[2].parent == found[0].content_hash  # what it came from did not change
    assert load_snapshot(found[2]).decisions.num_rows == 6
    assert load_manifest(found[1])["counts"]["kept"] == 0  # theirs has no rows here yet, but its manifest came along
    assert [one.folder for one in load_index(conflict.datasets, "toy").signoffs] == ["v3-3c475e33"]
    git(conflict.root, *settled.git_add.split()[1:])
    git(conflict.root, "commit", "-q", "-m", "merged")


def test_the_other_way_round(conflict: Workspace) -> None:
    assert rebase(conflict, "toy", keep="ours").renamed == {"v2-1762fa78": "v3-1762fa78"}
    assert [info.folder for info in versions(conflict.datasets, "toy")] == ["v1-ab183de1", "v2-3c475e33", "v3-1762fa78"]


def test_without_a_conflict_nothing_changes(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    before = (ws.datasets / "toy/index.json").read_text()
    assert rebase(ws, "toy").renamed == {}
    assert (ws.datasets / "toy/index.json").read_text() == before


def test_an_unknown_dataset_is_named(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="no dataset 'toy' here"):
        rebase(ws, "toy")


def test_the_sides_of_a_conflict_with_and_without_its_base() -> None:
    plain = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\nd\n"
    diff3 = "a\n<<<<<<< HEAD\nb\n||||||| base\nx\n=======\nc\n>>>>>>> other\nd\n"
    assert sides(plain) == sides(diff3) == ("a\nb\nd\n", "a\nc\nd\n")
    assert sides("a\n") == ("a\n", "a\n")
