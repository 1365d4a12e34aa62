"""An index.json in conflict is settled by `rebase`, a lost one is named by every look and rebuilt; no version is lost."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from storage.errors import SetupError
from storage.versions.index import index_path, load_index, parse_index, restoring
from storage.versions.marks import sign_off, tag, yank
from storage.versions.publish import finish_interrupted, publish
from storage.versions.read import fetching, is_here, load_manifest, load_snapshot, open_version
from storage.versions.repair import rebase, rebuild_index, sides
from storage.versions.resolve import lost_indexes, remains, resolve, versions
from storage.versions.snapshot import Snapshot
from storage.workspace import Workspace
from tests.repositories import git

Build = Callable[..., Snapshot]
OURS, THEIRS = (True,) * 6, (False,) * 6


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
    infos = versions(conflict.datasets, "toy")
    assert [info.folder for info in infos] == ["v1-ab183de1", "v2-1762fa78", "v3-3c475e33"]
    assert [info.tags for info in infos] == [(), ("theirs",), ("ours",)]
    assert infos[2].parent == infos[0].content_hash  # what it came from did not change
    assert load_snapshot(infos[2]).decisions.num_rows == 6
    assert load_manifest(infos[1])["counts"]["kept"] == 0  # theirs has no rows here yet, but its manifest came along
    assert [signoff.folder for signoff in load_index(conflict.datasets, "toy").signoffs] == ["v3-3c475e33"]
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


Build = Callable[..., Snapshot]
SECOND = (False, False, True, False, True, False)
THIRD = (True, False, True, False, True, False)


@pytest.fixture
def two(ws: Workspace, snapshot: Build) -> Workspace:
    """A workspace with toy@v1 (withdrawn) and toy@v2 (tagged)."""
    publish(ws, snapshot(), report_html="", report_json={})
    publish(ws, snapshot(kept=SECOND), report_html="", report_json={})
    yank(ws, "toy@v1", "wrong references")
    tag(ws, "toy@v2", "golden")
    return ws


def test_publishing_into_a_dataset_that_lost_its_index_is_refused(two: Workspace, snapshot: Build) -> None:
    path = index_path(two.datasets, "toy")
    path.unlink()
    first, last = remains(two.datasets, "toy")
    with pytest.raises(SetupError) as caught:
        publish(two, snapshot(kept=THIRD), report_html="", report_json={})
    assert caught.value.text() == (
        f"{path} is missing, though 2 versions of toy are here ({first} to {last}). "
        f"Next: git checkout -- {path}, or rollmill dataset rebuild-index toy"
    )
    assert not path.exists()
    assert lost_indexes(two.datasets) == ["toy"]
    with pytest.raises(SetupError, match="is missing, though 2 versions"):
        resolve(two.datasets, "toy")
    with pytest.raises(SetupError, match="is missing, though 2 versions"):
        versions(two.datasets, "toy")


def test_a_rebuilt_index_is_the_lost_one(two: Workspace, snapshot: Build) -> None:
    path = index_path(two.datasets, "toy")
    before = path.read_text()
    path.unlink()
    planned = rebuild_index(two, "toy", dry_run=True)
    assert not path.exists()
    assert rebuild_index(two, "toy") == planned
    assert path.read_text() == before
    assert publish(two, snapshot(kept=THIRD), report_html="", report_json={}).version.ref == "toy@v3"
    with pytest.raises(SetupError, match="is there; a rebuild is for a lost one"):
        rebuild_index(two, "toy")
    with pytest.raises(SetupError, match="nothing is left of a dataset 'other'"):
        rebuild_index(two, "other")


def test_a_rebuild_from_the_rows_alone(two: Workspace) -> None:
    before = load_index(two.datasets, "toy")
    shutil.rmtree(two.datasets / "toy" / "manifests")
    index_path(two.datasets, "toy").unlink()
    (two.datasets / "toy" / "v3-0123abcd").mkdir()
    done = rebuild_index(two, "toy")
    assert done.left_out == ("v3-0123abcd",)
    assert done.index == before
    assert len(list((two.datasets / "toy" / "manifests").glob("*.json"))) == 2


def test_a_manifest_of_another_content_is_refused(two: Workspace) -> None:
    first, last = remains(two.datasets, "toy")
    copies = two.datasets / "toy" / "manifests"
    shutil.copyfile(copies / f"{last}.json", copies / f"{first}.json")
    index_path(two.datasets, "toy").unlink()
    with pytest.raises(SetupError, match="is of another content"):
        rebuild_index(two, "toy")
    assert not index_path(two.datasets, "toy").exists()


def test_an_interrupted_publication_does_not_hide_a_lost_index(two: Workspace, snapshot: Build, tmp_path: Path) -> None:
    last = resolve(two.datasets, "toy@v2")
    intent = two.state / "publishing" / "toy.json"
    intent.parent.mkdir(exist_ok=True)
    entry = parse_index(index_path(two.datasets, "toy").read_text(), tmp_path).versions[1]
    intent.write_text(json.dumps(asdict(entry)))
    index_path(two.datasets, "toy").unlink()
    with pytest.raises(SetupError, match=r"1 versions of toy are here .* to v1-"):
        finish_interrupted(two)
    assert last.path.exists()


def test_an_index_of_another_shape_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    for text in ('{"index_schema": 1, "name": "toy"}', '{"index_schema": 1, "name": "t", "versions": [{"number": 1}]}'):
        with pytest.raises(SetupError, match=r"is not an index of versions \((KeyError|TypeError)") as caught:
            parse_index(text, path)
        assert caught.value.text().endswith(f"Next: {restoring(path)}")


def test_dvc_is_advised_only_where_it_has_the_rows(two: Workspace) -> None:
    info = resolve(two.datasets, "toy@v2")
    assert is_here(info)
    shutil.rmtree(info.path)
    assert not is_here(info)
    gone = f"rollmill curate RECIPE makes them again (DVC never had them: there is no {info.folder}.dvc)"
    assert fetching(info) == gone
    with pytest.raises(SetupError) as caught:
        open_version(info)
    assert caught.value.text().endswith(gone)
    pointer = info.path.with_name(f"{info.folder}.dvc")
    pointer.write_text("outs: []\n")
    assert fetching(info) == f"dvc pull {pointer}"
