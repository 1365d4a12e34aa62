"""An index.json in conflict is settled by `rebase`: what others have keeps its numbers, and no version is lost or twice."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import Index, index_path
from rollmill.storage.artifacts.marks import sign_off, tag
from rollmill.storage.artifacts.rebase import complete, merge, rebase, sides
from rollmill.storage.artifacts.references import unlisted
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.index import FORMAT, Entry, load_index
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_manifest, load_snapshot
from rollmill.storage.versions.resolve import resolve, versions
from rollmill.storage.workspace import Workspace
from tests.repositories import git

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
OURS, THEIRS = (True,) * 6, (False,) * 6


def put(ws: Workspace, snapshot: Snapshot) -> str:
    return publish(ws, snapshot, report_html="", report_json={}).version.folder


def commit(ws: Workspace) -> None:
    git(ws.root, "add", "datasets/toy/index.json", "datasets/toy/manifests")
    git(ws.root, "commit", "-q", "-m", "a version")


def cloned(ws: Workspace, snapshot: Build, tmp_path: Path) -> Path:
    """The folder of a clone of `ws`, once that has a v1."""
    git(ws.root, "init", "-q", "-b", "main")
    put(ws, snapshot())
    commit(ws)
    other = tmp_path / "clone"
    shutil.copytree(ws.root, other)
    return other


@pytest.fixture
def conflict(ws: Workspace, snapshot: Build, tmp_path: Path) -> Workspace:
    """The workspace `ws` after merging a clone; both made a v2."""
    other = cloned(ws, snapshot, tmp_path)
    with Workspace.open(other) as clone:
        assert put(clone, snapshot(kept=THEIRS)) == "v2-1762fa78"
        tag(DATASETS, clone, "toy@v2", "theirs")
        commit(clone)
    assert put(ws, snapshot(kept=OURS)) == "v2-3c475e33"
    tag(DATASETS, ws, "toy@v2", "ours")
    sign_off(DATASETS, ws, "toy@v2", "Ada")
    commit(ws)
    git(ws.root, "pull", "-q", "--no-rebase", str(other), "main", code=1)
    return ws


def test_until_it_is_settled_every_command_says_so(conflict: Workspace) -> None:
    with pytest.raises(SetupError, match=r"two clones made .* Next: rollmill dataset rebase toy"):
        resolve(conflict.datasets, "toy")


def test_our_version_moves_behind_theirs(conflict: Workspace) -> None:
    settled = rebase(DATASETS, conflict, "toy")
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
    assert rebase(DATASETS, conflict, "toy", keep="ours").renamed == {"v2-1762fa78": "v3-1762fa78"}
    assert [info.folder for info in versions(conflict.datasets, "toy")] == ["v1-ab183de1", "v2-3c475e33", "v3-1762fa78"]


def test_without_a_conflict_nothing_changes(ws: Workspace, snapshot: Build) -> None:
    put(ws, snapshot())
    before = (ws.datasets / "toy/index.json").read_text()
    assert rebase(DATASETS, ws, "toy").renamed == {}
    assert (ws.datasets / "toy/index.json").read_text() == before


def test_an_unknown_dataset_is_named(ws: Workspace) -> None:
    with pytest.raises(SetupError, match="no dataset 'toy' here"):
        rebase(DATASETS, ws, "toy")


def test_the_sides_of_a_conflict_with_and_without_its_base() -> None:
    plain = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\nd\n"
    diff3 = "a\n<<<<<<< HEAD\nb\n||||||| base\nx\n=======\nc\n>>>>>>> other\nd\n"
    assert sides(plain) == sides(diff3) == ("a\nb\nd\n", "a\nc\nd\n")
    assert sides("a\n") == ("a\n", "a\n")


MORE = (True, False, True, False, True, False)


def folders(ws: Workspace) -> list[str]:
    return [info.folder for info in versions(ws.datasets, "toy")]


def sound(ws: Workspace, here: Sequence[str]) -> None:
    """Each version that is here has the content that the index says, and nothing else lies beside them."""
    DATASETS.refuse_unsettled(ws.datasets, "toy")
    for info in versions(ws.datasets, "toy"):
        assert load_manifest(info)["hashes"]["content"] == info.content_hash
        if info.folder in here:
            assert content_hash(load_snapshot(info)) == info.content_hash
    assert sorted(path.name for path in (ws.datasets / "toy").glob("v*-*")) == sorted(here)


@pytest.fixture
def apart(ws: Workspace, snapshot: Build, tmp_path: Path) -> tuple[Workspace, Path]:
    """The workspace `ws` and the folder of a clone; both made a v2, and nothing is merged yet."""
    other = cloned(ws, snapshot, tmp_path)
    with Workspace.open(other) as clone:
        assert put(clone, snapshot(kept=THEIRS)) == "v2-1762fa78"
        commit(clone)
    assert put(ws, snapshot(kept=OURS)) == "v2-3c475e33"
    return ws, other


def test_a_git_rebase_leaves_the_numbers_that_others_have(apart: tuple[Workspace, Path]) -> None:
    """There git calls ours what is theirs: the version that was pushed must not change its number for everybody."""
    ws, other = apart
    commit(ws)
    git(ws.root, "pull", "-q", "--rebase", str(other), "main", code=1)
    settled = rebase(DATASETS, ws, "toy")
    assert settled.renamed == {"v2-3c475e33": "v3-3c475e33"}
    assert (settled.git_add, settled.git_next) == (
        "git add datasets/toy/index.json datasets/toy/manifests",
        "git rebase --continue",
    )
    git(ws.root, *str(settled.git_add).split()[1:])
    git(ws.root, "-c", "core.editor=true", "rebase", "--continue")
    assert folders(ws) == ["v1-ab183de1", "v2-1762fa78", "v3-3c475e33"]
    sound(ws, ["v1-ab183de1", "v3-3c475e33"])


def test_a_git_rebase_of_two_commits_doubles_no_version(apart: tuple[Workspace, Path], snapshot: Build) -> None:
    """Git merges the second one without a conflict: its version then has the number that the first one was given."""
    ws, other = apart
    commit(ws)
    assert put(ws, snapshot(kept=MORE)) == "v3-1a7469af"
    commit(ws)
    git(ws.root, "pull", "-q", "--rebase", str(other), "main", code=1)
    settled = rebase(DATASETS, ws, "toy")
    assert settled.renamed == {"v2-3c475e33": "v3-3c475e33"}
    git(ws.root, *str(settled.git_add).split()[1:])
    git(ws.root, "-c", "core.editor=true", "rebase", "--continue")
    with pytest.raises(SetupError, match=r"has two versions with the number 3\. Next: rollmill dataset rebase toy"):
        DATASETS.refuse_unsettled(ws.datasets, "toy")
    settled = rebase(DATASETS, ws, "toy")
    assert (settled.renamed, settled.git_next) == ({"v3-1a7469af": "v4-1a7469af"}, "git commit")
    assert folders(ws) == ["v1-ab183de1", "v2-1762fa78", "v3-3c475e33", "v4-1a7469af"]
    sound(ws, ["v1-ab183de1", "v3-3c475e33", "v4-1a7469af"])


def test_a_stash_goes_behind_what_was_pulled(apart: tuple[Workspace, Path]) -> None:
    ws, other = apart
    git(ws.root, "add", "datasets/toy/index.json", "datasets/toy/manifests")
    git(ws.root, "stash", "-q")
    git(ws.root, "pull", "-q", "--ff-only", str(other), "main")
    git(ws.root, "stash", "pop", "-q", code=1)
    assert rebase(DATASETS, ws, "toy").renamed == {"v2-3c475e33": "v3-3c475e33"}
    sound(ws, ["v1-ab183de1", "v3-3c475e33"])


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_version_that_a_settlement_by_hand_left_out_is_named_and_listed_again(conflict: Workspace, side: str) -> None:
    git(conflict.root, "checkout", f"--{side}", "datasets/toy/index.json")
    mine, others = ("v2-3c475e33", "v2-1762fa78")
    kept, lost = (mine, others) if side == "ours" else (others, mine)
    assert folders(conflict) == ["v1-ab183de1", kept]
    with pytest.raises(SetupError) as caught:
        DATASETS.refuse_unsettled(conflict.datasets, "toy")
    assert caught.value.text() == (
        f"{index_path(conflict.datasets, 'toy')} does not list {lost}, whose manifests are here. "
        "Next: rollmill dataset rebase toy"
    )
    again = f"v3-{lost[3:]}"
    assert rebase(DATASETS, conflict, "toy").renamed == {lost: again}
    assert folders(conflict) == ["v1-ab183de1", kept, again]
    sound(conflict, ["v1-ab183de1", mine if side == "ours" else f"v3-{mine[3:]}"])
    assert rebase(DATASETS, conflict, "toy").renamed == {}


def test_two_versions_that_a_settlement_by_hand_left_under_one_number(conflict: Workspace) -> None:
    ours, theirs = (Index("toy", (*load_side(conflict, side),)) for side in (0, 1))
    both = replace(ours, versions=(*ours.versions, *(entry for entry in theirs.versions if entry not in ours.versions)))
    index_path(conflict.datasets, "toy").write_text(FORMAT.text(both))
    with pytest.raises(SetupError, match=r"has 2 versions called 'v2'.* Next: rollmill dataset rebase toy"):
        resolve(conflict.datasets, "toy@v2")
    with pytest.raises(SetupError, match=r"has two versions with the number 2\. Next: rollmill dataset rebase toy"):
        DATASETS.refuse_unsettled(conflict.datasets, "toy")
    assert len(rebase(DATASETS, conflict, "toy").renamed) == 1
    assert [info.number for info in versions(conflict.datasets, "toy")] == [1, 2, 3]
    DATASETS.refuse_unsettled(conflict.datasets, "toy")


def load_side(ws: Workspace, side: int) -> tuple[Entry, ...]:
    from rollmill.storage.versions.index import FORMAT

    path = index_path(ws.datasets, "toy")
    return FORMAT.parse(sides(path.read_text())[side], path).versions


def test_a_tag_that_both_sides_gave_stays_with_one_and_that_is_told(apart: tuple[Workspace, Path]) -> None:
    ws, other = apart
    with Workspace.open(other) as clone:
        tag(DATASETS, clone, "toy@v2", "golden")
        commit(clone)
    tag(DATASETS, ws, "toy@v2", "golden")
    commit(ws)
    git(ws.root, "pull", "-q", "--no-rebase", str(other), "main", code=1)
    assert rebase(DATASETS, ws, "toy").tags_kept == {"golden": "v2-1762fa78"}
    assert resolve(ws.datasets, "toy@golden").folder == "v2-1762fa78"


def test_content_that_was_published_again_keeps_each_of_its_versions(
    ws: Workspace, snapshot: Build, tmp_path: Path
) -> None:
    """The new name of one version is the old name of another."""
    other = cloned(ws, snapshot, tmp_path)
    with Workspace.open(other) as clone:
        for kept in (THEIRS, (False, True) * 3):
            put(clone, snapshot(kept=kept))
        commit(clone)
    assert [put(ws, snapshot(kept=kept)) for kept in (OURS, MORE, OURS)] == ["v2-3c475e33", "v3-1a7469af", "v4-3c475e33"]
    commit(ws)
    git(ws.root, "pull", "-q", "--no-rebase", str(other), "main", code=1)
    renamed = {"v2-3c475e33": "v4-3c475e33", "v3-1a7469af": "v5-1a7469af", "v4-3c475e33": "v6-3c475e33"}
    assert rebase(DATASETS, ws, "toy").renamed == renamed
    sound(ws, ["v1-ab183de1", *renamed.values()])


def test_merging_indexes_alone() -> None:
    def entry(number: int, content: str, at: str = "2026-01-01") -> Entry:
        return Entry(number, content * 8, "k", "s", "r", None, at, 1, 1, 1)

    first = entry(1, "a")
    merged, renamed = merge(Index("t", (first, entry(2, "b"))), Index("t", (first, entry(2, "c"), entry(3, "b"))))
    assert renamed == {"v2-cccccccc": "v3-cccccccc", "v3-bbbbbbbb": "v2-bbbbbbbb"}  # made once, renumbered earlier
    assert [item.folder for item in merged.versions] == ["v1-aaaaaaaa", "v2-bbbbbbbb", "v3-cccccccc"]
    later = Index("t", (first, entry(2, "b", "2026-02-02"), entry(2, "c")), tags={"x": "v2-bbbbbbbb"})
    completed, renamed = complete(later, [entry(1, "d"), entry(7, "e")])
    assert renamed == {"v2-bbbbbbbb": "v8-bbbbbbbb", "v1-dddddddd": "v9-dddddddd"}
    assert [item.number for item in completed.versions] == [1, 2, 7, 8, 9]
    assert completed.tags == {"x": "v8-bbbbbbbb"}
    assert unlisted(Path("/nowhere"), completed) == []
