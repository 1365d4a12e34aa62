"""Links inside a version's folder or DVC's cache, as a clone may bring them: `dataset pull` writes and opens nothing behind
them.
"""

import stat
from pathlib import Path

import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.storage.artifacts.sharing import pull, restore
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.models.publish import publish_model
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """A workspace under git and DVC with a remote."""
    workspace = Workspace.init(tmp_path / "ws")
    git(workspace.root, "init", "-q")
    run_dvc(workspace.root, "init", "--quiet")
    run_dvc(workspace.root, "remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    return workspace


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.bashrc").write_text("mine")
    (tmp_path / "home/.bashrc").chmod(0o600)
    return tmp_path / "home"


def share_with(folder: Path, root: Path) -> None:
    """Publish a folder with one more file, `a/.bashrc`, and leave a link in its place."""
    (folder / "a").mkdir()
    (folder / "a/.bashrc").write_text("evil")
    run_dvc(root, "add", "--quiet", str(folder))
    run_dvc(root, "push", "--quiet")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def toy(ws: Workspace) -> VersionInfo:
    return publish(ws, build(), report_html="<p>ok</p>", report_json={}).version


def test_a_pull_writes_behind_no_link(ws: Workspace, home: Path) -> None:
    info = toy(ws)
    share_with(info.path, ws.root)
    (info.path / "a").symlink_to(home)
    for bring in (pull, restore):
        with pytest.raises(FoundWanting, match=r"/a of toy@v1 is a link; it is not followed"):
            bring(DATASETS, [info])
        assert (home / ".bashrc").read_text() == "mine"


def test_a_pull_of_a_model_writes_behind_no_link(ws: Workspace, home: Path) -> None:
    source = ws.root / "made"
    source.mkdir()
    (source / "config.json").write_text("{}")
    version = publish_model(ws, "student", source, {}, "card").version
    share_with(version.path, ws.root)
    (version.path / "a").symlink_to(home)
    with pytest.raises(FoundWanting, match=r"/a of student@v1 is a link; it is not followed"):
        pull(MODEL_KIND, [version])
    assert (home / ".bashrc").read_text() == "mine"


def test_a_link_in_the_cache_opens_no_file_to_others(ws: Workspace, home: Path) -> None:
    """DVC protects its objects by their mode; that of what a link leads to would change."""
    info = toy(ws)
    run_dvc(ws.root, "push", "--quiet")
    objects = [path for path in (ws.root / ".dvc/cache/files").rglob("*") if path.is_file() and path.suffix != ".dir"]
    planted = min(objects, key=lambda path: path.stat().st_size)
    planted.unlink()
    planted.symlink_to(home / ".bashrc")
    pull(DATASETS, [info])
    assert stat.S_IMODE((home / ".bashrc").stat().st_mode) == 0o600
    assert (home / ".bashrc").read_text() == "mine"
    assert not planted.is_symlink()
