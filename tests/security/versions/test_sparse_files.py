"""Files of forty gigabytes, which a disk keeps in nothing, in place of published ones: refused by their sizes, not read."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.storage.artifacts.digests import forget_wrong_files, forget_wrong_objects, require_cached
from rollmill.storage.models.files import published_folder
from rollmill.storage.models.index import resolve_model
from rollmill.storage.versions.manifest import changed_files
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import checked_text, open_version
from rollmill.storage.versions.resolve import VersionInfo, resolve
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.storage.models.published import published_student
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security
SPARSE = 40 << 30
SECONDS = 3.0  # reading one of them takes longer


def grow(path: Path) -> None:
    """Lengthen a file by forty gigabytes of nothing; DVC's files may be links to its cache."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(SPARSE)


@pytest.fixture(scope="module", params=["tracked by DVC", "in no repository"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published") / "ws"
    with Workspace.init(root) as ws:
        if request.param == "tracked by DVC":
            git(root, "init", "-q", "-b", "main")
            run_dvc(root, "init", "--quiet")
        publish(ws, build(), report_html="<p>", report_json={})
    return root


@pytest.fixture
def info(published: Path, tmp_path: Path) -> VersionInfo:
    shutil.copytree(published, tmp_path / "ws", symlinks=True)
    return resolve(tmp_path / "ws" / "datasets", "toy")


@pytest.fixture
def quickly() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("name", ["manifest.json", "report.html", "README.md", "shards/rollouts/*.parquet"])
def test_a_file_of_a_version_is_refused_by_its_size(info: VersionInfo, quickly: None, name: str) -> None:
    [path] = info.path.glob(name)
    grow(path)
    with pytest.raises(FoundWanting, match=r"was altered since it was published: it has 42,949,672,960 bytes"):
        open_version(info)
    faults = list(changed_files(info)) if name != "manifest.json" else ["x"]
    assert len(faults) == 1


def test_a_report_is_not_read_into_memory(info: VersionInfo, quickly: None) -> None:
    grow(info.path / "report.html")
    with pytest.raises(FoundWanting, match=r"report\.html of toy@v1 was altered"):
        checked_text(info, "report.html")


def test_a_file_beside_the_published_ones_is_counted(info: VersionInfo, quickly: None) -> None:
    extra = info.path / "extra.bin"
    extra.touch()
    grow(extra)
    open_version(info).close()  # it is no part of the version


@pytest.mark.parametrize("published", ["tracked by DVC"], indirect=True)
def test_an_object_of_the_cache_is_refused_and_removed_by_its_size(info: VersionInfo, quickly: None) -> None:
    objects = [path for path in (info.path.parents[2] / ".dvc/cache").rglob("*") if path.is_file()]
    hostile = next(path for path in objects if path.suffix != ".dir")
    grow(hostile)
    with pytest.raises(FoundWanting, match="it has 42,949,672,960 bytes, more than was published"):
        require_cached(info.pointer, info.ref, "again")
    assert not hostile.exists()
    listing = next(path for path in objects if path.suffix == ".dir")
    grow(listing)
    forget_wrong_objects(info.pointer)
    assert not listing.exists()


@pytest.mark.parametrize("published", ["tracked by DVC"], indirect=True)
def test_a_file_to_be_replaced_is_not_read_first(info: VersionInfo, quickly: None) -> None:
    grow(info.path / "report.html")
    forget_wrong_files(info.path, info.pointer)
    assert not (info.path / "report.html").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "extra.bin"])
def test_a_model_is_refused_by_its_size(tmp_path: Path, name: str) -> None:
    folder = published_student(tmp_path / "ws")
    (folder / name).touch()
    grow(folder / name)
    began = time.monotonic()
    with Workspace.open(tmp_path / "ws") as ws:
        match = "extra.bin of student@v1 is not the one" if name == "extra.bin" else "it has 42,949,67.* bytes together"
        with pytest.raises(FoundWanting, match=match):
            published_folder(resolve_model(ws.models, "student"))
    assert time.monotonic() - began < SECONDS
