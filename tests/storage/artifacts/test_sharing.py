"""Versions between clones over a real S3 server, in a subfolder of a repository of the user's own that uses DVC itself."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.storage.artifacts.rebase import rebase
from rollmill.storage.artifacts.sharing import pull, push
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import is_here, load_snapshot
from rollmill.storage.versions.resolve import VersionInfo, versions
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.s3_server import s3_server

pytestmark = pytest.mark.services
Build = Callable[..., Snapshot]
PLACE = Path("team/rollouts")  # of the workspace, in the user's repository


def put(ws: Workspace, snapshot: Snapshot) -> VersionInfo:
    return publish(ws, snapshot, report_html="<p>", report_json={}).version


def commit(root: Path, text: str) -> None:
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", text)


def cloned(origin: Path, root: Path) -> Workspace:
    git(root.parent, "clone", "-q", str(origin), root.name)
    return Workspace.open(root / PLACE)


def of(ws: Workspace) -> list[VersionInfo]:
    return versions(ws.datasets, "toy")


def first_clone(origin: Path, clone: Path) -> None:
    """Clone an empty repository, with DVC, its S3 remote, a file of somebody else's, and a workspace."""
    git(clone.parent, "clone", "-q", str(origin), clone.name)
    git(clone, "checkout", "-q", "-b", "main")
    run_dvc(clone, "init", "--quiet")
    (clone / "theirs.csv").write_text("a,b\n1,2\n")
    run_dvc(clone, "add", "--quiet", "theirs.csv")
    run_dvc(clone, "remote", "add", "--default", "store", "s3://bucket/dvc")
    Workspace.init(clone / PLACE).close()


def test_clones_share_and_settle_versions_over_s3(tmp_path: Path, snapshot: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    origin, clone = tmp_path / "origin.git", tmp_path / "one"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    with s3_server(tmp_path / "s3") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        first_clone(origin, clone)
        with Workspace.open(clone / PLACE) as first:
            put(first, snapshot())
            second = put(first, snapshot(kept=(True,) * 6))
            pushed = push(DATASETS, of(first))
            assert pushed.versions == ("toy@v1", "toy@v2")
            assert pushed.git is not None
            assert pushed.git.startswith(
                "git add team/rollouts/datasets/toy/.gitignore team/rollouts/datasets/toy/index.json"
            )
            git(clone, *pushed.git.split()[1:])
            commit(clone, "v1 and v2")
            git(clone, "push", "-q", "origin", "main")

            with cloned(origin, tmp_path / "two") as other:
                assert [is_here(info) for info in of(other)] == [False, False]
                pull(DATASETS, of(other))
                assert [content_hash(load_snapshot(info)) for info in of(other)] == [
                    info.content_hash for info in of(first)
                ]
                assert of(other)[1].content_hash == second.content_hash
                assert not (tmp_path / "two" / "theirs.csv").exists()  # only what was asked for

                # Both publish v3; the one that comes second renumbers its own.
                put(first, snapshot(kept=(False,) * 6))
                push(DATASETS, of(first)[2:])
                commit(clone, "v3")
                git(clone, "push", "-q", "origin", "main")
                mine = put(other, snapshot(kept=(True, False, True, False, True, False)))
                commit(tmp_path / "two", "another v3")
                git(tmp_path / "two", "pull", "-q", "--no-rebase", "origin", "main", code=1)
                assert list(rebase(DATASETS, other, "toy").renamed.values()) == [f"v4-{mine.content_hash[:8]}"]
                commit(tmp_path / "two", "merged")
                push(DATASETS, [info for info in of(other) if is_here(info)])
                git(tmp_path / "two", "push", "-q", "origin", "main")

            with cloned(origin, tmp_path / "three") as third:
                pull(DATASETS, of(third))
                hashes = [content_hash(load_snapshot(info)) for info in of(third)]
                assert hashes == [info.content_hash for info in of(third)]
                assert (len(hashes), hashes[3]) == (4, mine.content_hash)
    with Workspace.open(clone / PLACE) as first, pytest.raises(SetupError, match="dvc push failed: "):
        push(DATASETS, of(first))  # nobody answers


@pytest.mark.parametrize("shared", [False, True], ids=["own-cache", "shared-cache"])
def test_what_a_remote_altered_is_not_taken_and_comes_whole_once_it_is_mended(
    tmp_path: Path, snapshot: Build, shared: bool
) -> None:
    origin, one, two = tmp_path / "origin.git", tmp_path / "one", tmp_path / "two"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), "one")
    git(one, "checkout", "-q", "-b", "main")
    run_dvc(one, "init", "--quiet")
    run_dvc(one, "remote", "add", "--default", "store", str(tmp_path / "store"))
    Workspace.init(one / PLACE).close()
    with Workspace.open(one / PLACE) as first:
        info = put(first, snapshot())
        push(DATASETS, [info])
        commit(one, "v1")
        git(one, "push", "-q", "origin", "main")
        (shard,) = (info.path / "shards" / "problems").iterdir()
        rows = shard.read_bytes()
    stored = tmp_path / "store" / "files" / "md5"
    name = hashlib.md5(rows).hexdigest()
    item = stored / name[:2] / name[2:]
    item.chmod(0o644)
    other = pq.read_table(item)
    pq.write_table(other.set_column(3, "reference", pa.array(["999"] * other.num_rows)), item)
    altered = hashlib.md5(item.read_bytes()).hexdigest()
    with cloned(origin, two) as other:
        if shared:
            run_dvc(two, "cache", "dir", "--local", str(tmp_path / "cache"))
        for _ in range(2):  # DVC's cache must not keep it either
            with pytest.raises(FoundWanting) as caught:
                pull(DATASETS, of(other))
            assert caught.value.message == (
                f"shards/problems/{shard.name} of toy@v1 was altered since it was published: "
                f"its digest is {altered[:16]}, {name[:16]} was published."
            )
            again = "put the published file back into the remote, then rollmill dataset pull toy@v1"
            assert caught.value.next_command == again
            assert [is_here(info) for info in of(other)] == [False]
            assert not (other.datasets / "toy" / "latest").exists()
        item.write_bytes(rows)
        assert pull(DATASETS, of(other)).versions == ("toy@v1",)
        assert content_hash(load_snapshot(of(other)[0])) == info.content_hash


def test_a_remote_gets_and_gives_what_is_new_alone(tmp_path: Path, snapshot: Build) -> None:
    """Derived files go to no remote; the shards of two versions that differ in their selection are the same files."""
    origin, one, two = tmp_path / "origin.git", tmp_path / "one", tmp_path / "two"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), "one")
    git(one, "checkout", "-q", "-b", "main")
    run_dvc(one, "init", "--quiet")
    run_dvc(one, "remote", "add", "--default", "store", str(tmp_path / "store"))
    Workspace.init(one / PLACE).close()
    with Workspace.open(one / PLACE) as first:
        push(DATASETS, [put(first, snapshot())])
        stored = objects(tmp_path / "store")
        push(DATASETS, [put(first, snapshot(kept=(True,) * 6))])
        # selection, shards.json, manifest, card, listing of all; both reports are equal
        assert len(objects(tmp_path / "store") - stored) == 5
        shards = [path for path in (of(first)[1].path / "shards").rglob("*.parquet") if path.parent.name != "selection"]
        assert [path.stat().st_nlink for path in shards] == [2] * 5
        status = run_dvc(one, "status", "--quiet")
        commit(one, "v1 and v2")
        assert "toy/.dvcignore" not in git(one, "ls-files", "team")
        git(one, "push", "-q", "origin", "main")
    assert not status
    with cloned(origin, two) as other:
        pull(DATASETS, of(other))
        for info, kept in zip(of(other), (2, 6), strict=True):
            assert pq.read_table(info.path / "kept.parquet").num_rows == kept
            with duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as connection:
                assert connection.sql("select count(*) from kept").fetchall() == [(kept,)]
        shards = [path for path in (of(other)[1].path / "shards").rglob("*.parquet") if path.parent.name != "selection"]
        assert [path.stat().st_nlink for path in shards] == [2] * 5
        run_dvc(two, "status", "--quiet")


def objects(store: Path) -> set[str]:
    """The digests of all files in a remote."""
    return {path.name for path in (store / "files" / "md5").rglob("*") if path.is_file()}
