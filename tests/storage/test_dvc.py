"""DVC tracking in real repositories: what is added, what is said without them, and a clone that fetches a version."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage import dvc
from rollmill.storage.artifacts.rebase import rebase
from rollmill.storage.artifacts.sharing import pull
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import finish_interrupted, publish
from rollmill.storage.versions.read import load_snapshot, open_version
from rollmill.storage.versions.resolve import resolve, versions
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.storage.versions.conftest import snapshot

__all__ = ["snapshot"]
Build = Callable[..., Snapshot]
CHILD = """
import sys
from pathlib import Path
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build
with Workspace.open(Path(sys.argv[1])) as ws:
    publish(ws, build(), report_html="<p>ok</p>", report_json={"passed": True})
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in a git and DVC repository; made once, because each dvc command takes seconds."""
    root = tmp_path_factory.mktemp("template") / "ws"
    Workspace.init(root).close()
    git(root, "init", "-q", "-b", "main")
    run_dvc(root, "init", "--quiet")
    (root / ".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n")
    git(root, "add", ".dvc", ".dvcignore", ".gitignore", "rollmill.toml")
    git(root, "commit", "-q", "-m", "workspace")
    return root


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the template; its DVC remote is the folder `store` beside it."""
    shutil.copytree(template, tmp_path / "ws")
    with Workspace.open(tmp_path / "ws") as workspace:
        yield workspace


def put(ws: Workspace, snapshot: Snapshot) -> list[str]:
    return publish(ws, snapshot, report_html="<p>", report_json={}).messages


def test_without_a_repository_a_folder_stays_untracked(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    assert dvc.add(tmp_path / "v1") == dvc.Tracking(
        (),
        "warning: v1 is not tracked: no DVC repository here. "
        "Next: git init && dvc init, then the same command again: it tracks the version",
    )
    assert dvc.git_add_line([tmp_path / "v1"]) is None
    assert dvc.git_add_line([]) is None


@pytest.mark.services
def test_a_version_is_tracked_and_git_is_told_what_to_add(repository: Workspace, snapshot: Build) -> None:
    messages = put(repository, snapshot())
    line = (
        "git add datasets/toy/.gitignore datasets/toy/index.json datasets/toy/manifests/v1-ab183de1.json "
        "datasets/toy/v1-ab183de1.dvc"
    )
    assert messages == ["published toy@v1 (ab183de1): 2 of 6 rollouts kept.", line]
    assert git(repository.root, "log", "--oneline").count("\n") == 1  # never commits
    git(repository.root, *line.split()[1:])
    assert git(repository.root, "status", "--porcelain").splitlines() == [
        "A  datasets/toy/.gitignore",
        "A  datasets/toy/index.json",
        "A  datasets/toy/manifests/v1-ab183de1.json",
        "A  datasets/toy/v1-ab183de1.dvc",
    ]
    assert run_dvc(repository.root, "status") == "Data and pipelines are up to date.\n"


@pytest.mark.services
def test_a_clone_lists_versions_at_once_and_fetches_rows_with_dvc(
    repository: Workspace,
    snapshot: Build,
    tmp_path: Path,
) -> None:
    put(repository, snapshot())
    git(repository.root, "add", "datasets")
    git(repository.root, "commit", "-q", "-m", "v1")
    run_dvc(repository.root, "push", "--quiet")
    git(tmp_path, "clone", "-q", str(repository.root), "clone")
    (info,) = versions(tmp_path / "clone/datasets", "toy")
    with pytest.raises(SetupError, match="rollmill dataset pull toy@v1") as caught:
        open_version(info)
    assert caught.value.next_command == "rollmill dataset pull toy@v1"
    info.path.mkdir()
    (info.path / ".vBmUTbTIix4a2kH1W3h6Kg.tmp").write_text("")  # as a killed DVC leaves it: the next one refuses
    assert pull(DATASETS, [info]).versions == ("toy@v1",)
    assert not list(info.path.glob(".*"))
    shutil.rmtree(info.path)
    assert pull(DATASETS, [info]).versions == ("toy@v1",)
    assert load_snapshot(info).decisions.num_rows == 6
    with Workspace.init(tmp_path / "clone") as clone:
        assert finish_interrupted(clone) == []
        assert put(clone, snapshot())[0] == "toy@v1 (ab183de1) already has this content; no new version."


@pytest.mark.services
def test_a_refusal_of_dvc_is_one_warning(repository: Workspace, snapshot: Build) -> None:
    (repository.root / ".gitignore").write_text("datasets/\n")
    messages = put(repository, snapshot())
    (warning,) = [line for line in messages if line.startswith("warning")]
    assert warning.startswith("warning: v1-ab183de1 is not tracked: dvc add failed: ")
    assert resolve(repository.datasets, "toy").number == 1


def test_a_dvc_that_was_killed_is_one_warning_that_says_so(
    repository: Workspace, snapshot: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.CompletedProcess(["dvc"], -signal.SIGKILL, "", "")
    with monkeypatch.context() as machine:
        machine.setattr(dvc, "run", lambda *_: killed)
        (warning,) = [line for line in put(repository, snapshot()) if line.startswith("warning")]
    assert "is not tracked: dvc add failed: it was killed by signal 9. Next: the same command again tracks it" in warning


def test_git_ignores_the_rows_that_no_dvc_tracks(tmp_path: Path, snapshot: Build) -> None:
    git(tmp_path, "init", "-q")
    with Workspace.init(tmp_path / "ws") as workspace:
        (warning,) = [line for line in put(workspace, snapshot()) if line.startswith("warning")]
    assert "no DVC repository here" in warning
    git(tmp_path, "add", "-A")
    committed = git(tmp_path, "ls-files").split()
    assert "ws/datasets/toy/index.json" in committed
    assert not [name for name in committed if "/v1-" in name and "/manifests/" not in name]


@pytest.mark.services
def test_a_version_that_git_has_already_is_not_called_tracked(tmp_path: Path, snapshot: Build) -> None:
    with Workspace.init(tmp_path) as workspace:
        put(workspace, snapshot())
        git(tmp_path, "init", "-q")
        git(tmp_path, "add", "-A", "--force", "datasets")
        git(tmp_path, "commit", "-qm", "with its rows")
        run_dvc(tmp_path, "init", "-q")
        messages = put(workspace, snapshot())
    assert not [line for line in messages if "tracked by DVC now" in line]
    (warning,) = [line for line in messages if line.startswith("warning")]
    assert "already tracked by SCM" in warning


@pytest.mark.services
@pytest.mark.parametrize("torn", ["datasets/toy/v1-ab183de1.dvc", ".dvc/tmp/rwlock"])
def test_what_a_stopped_dvc_tore_is_written_again(
    repository: Workspace, snapshot: Build, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    def stopped(*_: object) -> subprocess.CompletedProcess[str]:
        (repository.root / torn).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / torn).write_text("")
        return subprocess.CompletedProcess(["dvc"], 255, "", "ERROR: No space left on device")

    with monkeypatch.context() as machine:
        machine.setattr(dvc, "run", stopped)
        assert "warning: v1-ab183de1 is not tracked: dvc add failed: No space left on device" in put(repository, snapshot())
    assert "toy@v1 is tracked by DVC now." in put(repository, snapshot())
    assert run_dvc(repository.root, "status") == "Data and pipelines are up to date.\n"


@pytest.mark.services
def test_a_torn_pointer_is_removed_before_a_folder_is_added(repository: Workspace) -> None:
    folder = repository.datasets / "toy/v1"
    folder.mkdir(parents=True)
    (folder / "rows").write_text("1")
    (pointer := folder.with_name("v1.dvc")).write_text("outs:\n- md5")  # as a kill of all processes leaves it
    assert dvc.add(folder).warning is None
    assert (dvc.outputs(pointer) or [{}])[0]["path"] == "v1"


@pytest.mark.services
def test_two_clones_settle_their_versions_with_dvc_pointers(
    repository: Workspace,
    snapshot: Build,
    tmp_path: Path,
) -> None:
    put(repository, snapshot())
    git(repository.root, "add", "datasets")
    git(repository.root, "commit", "-q", "-m", "v1")
    other = tmp_path / "clone"
    shutil.copytree(repository.root, other)
    with Workspace.open(other) as clone:
        put(clone, snapshot(kept=(False,) * 6))
    put(repository, snapshot(kept=(True,) * 6))
    for root in (other, repository.root):
        git(root, "add", "datasets")
        git(root, "commit", "-q", "-m", "v2")
    run_dvc(other, "push", "--quiet")
    git(repository.root, "pull", "-q", "--no-rebase", str(other), "main", code=1)
    settled = rebase(DATASETS, repository, "toy")
    assert settled.renamed == {"v2-3c475e33": "v3-3c475e33"}
    git(repository.root, "add", "datasets")
    git(repository.root, "commit", "-q", "-m", "merged")
    assert git(repository.root, "status", "--porcelain") == ""
    assert (
        repository.datasets / "toy/.gitignore"
    ).read_text() == "/.dvcignore\n/latest\n/v1-ab183de1\n/v3-3c475e33\n/v2-1762fa78\n"
    run_dvc(repository.root, "pull", "--quiet")
    assert run_dvc(repository.root, "status") == "Data and pipelines are up to date.\n"
    assert [
        load_snapshot(info).decisions["kept"].to_pylist().count(True) for info in versions(repository.datasets, "toy")
    ] == [
        2,
        0,
        6,
    ]
    snapshots = [load_snapshot(info) for info in versions(repository.datasets, "toy")]
    assert [snapshot.decisions["kept"].to_pylist().count(True) for snapshot in snapshots] == [2, 0, 6]


@pytest.mark.services
@pytest.mark.parametrize("point", ["publish.renamed", "publish.index", "publish.dvc"])
def test_a_publisher_killed_around_dvc_leaves_a_tracked_version(repository: Workspace, point: str) -> None:
    environment = {**os.environ, "ROLLMILL_FAILPOINT": point}
    command = [sys.executable, "-c", CHILD, str(repository.root)]
    child = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr
    messages = finish_interrupted(repository)
    assert [line.split()[0] for line in messages] == ["published", "git"]
    assert (repository.datasets / "toy/.gitignore").read_text() == "/.dvcignore\n/latest\n/v1-ab183de1\n"
    assert run_dvc(repository.root, "status") == "Data and pipelines are up to date.\n"
    assert [info.folder for info in versions(repository.datasets, "toy")] == ["v1-ab183de1"]


@pytest.mark.services
def test_tracking_waits_for_another_dvc_command(repository: Workspace) -> None:
    for name in ("a", "b", "c"):
        (repository.root / name).mkdir()
        (repository.root / name / "rows").write_text(name)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda name: dvc.add(repository.root / name), ("a", "b", "c")))
    assert [tracking.warning for tracking in done] == [None, None, None]
