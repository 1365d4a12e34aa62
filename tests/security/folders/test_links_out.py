"""Links of somebody else's folder that lead to files of the person: none of these is written, replaced or removed."""

import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.planted.links import MADE_BY_INIT
from rollmill.storage import dvc
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc

pytestmark = pytest.mark.security
ROLLMILL = Path(sys.executable).with_name("rollmill")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of the person's, with a file and a folder."""
    (tmp_path / "home/thesis").mkdir(parents=True)
    (tmp_path / "home/thesis/text").write_text("mine")
    (tmp_path / "home/.bashrc").write_text("mine\n")
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a ledger."""
    with Workspace.init(tmp_path / "ws") as ws:
        assert ws.ledger.path is not None
    return tmp_path / "ws"


def state_of(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): path.read_text() for path in home.rglob("*") if path.is_file()}


def test_gc_removes_nothing_behind_a_link(root: Path, home: Path) -> None:
    (root / ".rollmill/trainings").symlink_to(home)
    before = state_of(home)
    done = subprocess.run([ROLLMILL, "gc"], cwd=root, capture_output=True, text=True)
    assert state_of(home) == before
    assert done.returncode == 2
    assert f"{root}/.rollmill/trainings is a link out of the folder, to {home}" in done.stderr


@pytest.mark.parametrize("name", [".gitignore", *(name for name, levels in MADE_BY_INIT.items() if not levels)])
def test_init_writes_through_no_link(tmp_path: Path, home: Path, name: str) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    target = home / (".bashrc" if name == ".gitignore" else "new")  # a link to nothing would make the file
    (theirs / name).symlink_to(target)
    before = state_of(home)
    done = subprocess.run([ROLLMILL, "init"], cwd=theirs, capture_output=True, text=True)
    assert state_of(home) == before
    assert done.returncode == 2
    assert "is a link out of the folder" in done.stderr


@pytest.mark.parametrize(
    "place",
    [
        ".rollmill",
        ".rollmill/ledger.sqlite",
        ".rollmill/prefect",
        ".rollmill/logs",
        ".rollmill/locks",
        ".rollmill/segments/completions",
        ".rollmill/loops/mine/evaluation/metrics.json",
        "datasets",
        "datasets/mini",
        "datasets/mini/.gitignore",
        "datasets/mini/v1-49ffb9f3",
        "models",
        "models/student",
        "models/student/manifests",
        "reports",
        "reports/mini/metrics.json",
        "rewards/log.jsonl",
    ],
)
def test_no_workspace_is_opened_with_a_link_out_of_it(tmp_path: Path, home: Path, place: str) -> None:
    theirs = tmp_path / "theirs"
    (theirs / place).parent.mkdir(parents=True)
    (theirs / "rollmill.toml").write_text("")
    (theirs / place).symlink_to(home)
    with pytest.raises(SetupError, match="is a link out of the folder"):
        Workspace.open(theirs)


def test_links_inside_and_models_of_a_cache_are_followed(root: Path, home: Path) -> None:
    (root / "datasets/mini/v1-49ffb9f3").mkdir(parents=True)
    (root / "datasets/mini/latest").symlink_to("v1-49ffb9f3")
    (home / "thesis/config.json").write_text("{}")
    (root / "models/qwen").mkdir(parents=True)
    (root / "models/linked").symlink_to(home / "thesis")
    (root / "models/qwen/config.json").symlink_to(home / "thesis/config.json")
    (root / "recipes").symlink_to(home)  # which is only read
    with Workspace.open(root) as ws:
        assert ws.root == root


@pytest.mark.parametrize(("name", "target"), [("lock", ".bashrc"), ("rwlock", "new"), ("btime", "new"), ("exps", "thesis")])
def test_dvc_is_not_started_where_links_lead_its_files_elsewhere(root: Path, home: Path, name: str, target: str) -> None:
    (root / ".dvc/tmp").mkdir(parents=True)
    (root / ".dvc/tmp" / name).symlink_to(home / target)
    before = state_of(home)
    with pytest.raises(SetupError, match="is a link out of the folder"):
        dvc.run(["add", "x"], root)
    assert state_of(home) == before


def test_a_folder_with_a_link_is_not_published(root: Path, home: Path) -> None:
    """DVC stores what a link leads to, and `dataset push` sends it."""
    git(root, "init", "-q")
    run_dvc(root, "init", "--quiet")
    folder = root / "datasets/mini/v1-49ffb9f3"
    folder.mkdir(parents=True)
    (folder / "notes").symlink_to(home / ".bashrc")
    tracked = dvc.add(folder)
    assert tracked.warning is not None
    assert "notes is a link" in tracked.warning
    assert [path for path in (root / ".dvc/cache").rglob("*") if path.is_file()] == []
