"""Files of a version and its index with hostile content: what differs is not shown, and no name leads out of the folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, RollmillError, SetupError
from rollmill.storage.artifacts.index import index_path
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.queries.reader import Reader, version_card, version_report
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import checked_text, open_version
from rollmill.storage.versions.resolve import VersionInfo, versions
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build, forget_digests

pytestmark = pytest.mark.security


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


@pytest.fixture
def info(ws: Workspace) -> VersionInfo:
    return publish(ws, build(), report_html="<p>published</p>", report_json={}).version


def test_a_page_shows_the_published_bytes_alone(ws: Workspace, info: VersionInfo) -> None:
    with Reader.open(ws.root) as reader:
        assert version_report(reader, "toy") == "<p>published</p>"
        assert version_card(reader, "toy") == (info.path / "README.md").read_text()
        (info.path / "report.html").write_text("<script>fetch('/')</script>")
        (info.path / "README.md").write_text("# evil")
        with pytest.raises(FoundWanting, match=r"report\.html of toy@v1 was altered since it was published") as caught:
            version_report(reader, "toy")
        assert caught.value.next_command == f"rm -r {info.path} and run its recipe again"
        with pytest.raises(FoundWanting, match=r"README\.md of toy@v1 was altered"):
            version_card(reader, "toy")
        (info.path / "report.html").unlink()
        with pytest.raises(SetupError, match=r"toy@v1 has no report\.html in this clone"):
            version_report(reader, "toy")
    with pytest.raises(FoundWanting, match="was altered"):
        open_version(info)  # nothing else of it is used either


def test_a_link_is_not_followed_to_a_text(ws: Workspace, info: VersionInfo) -> None:
    moved = ws.root.parent / "elsewhere"
    info.path.rename(moved)
    info.path.symlink_to(moved)
    with pytest.raises(FoundWanting, match="is a link; it is not followed"):
        checked_text(info, "report.html")
    with pytest.raises(FoundWanting, match="is a link; it is not followed"):
        open_version(info)


HOSTILE: dict[str, dict[str, Any]] = {
    "name": {"name": "../../x"},
    "number": {"number": "1/../../.."},
    "zero": {"number": 0},
    "hash": {"content_hash": "../../../../etc"},
    "short hash": {"content_hash": "ab"},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_an_index_with_a_hostile_name_is_refused(ws: Workspace, info: VersionInfo, change: dict[str, Any]) -> None:
    path = index_path(ws.datasets, "toy")
    value = json.loads(path.read_text())
    (value if "name" in change else value["versions"][0]).update(change)
    path.write_text(json.dumps(value))
    with pytest.raises(SetupError, match="is not an index of versions") as caught:
        versions(ws.datasets, "toy")
    assert caught.value.next_command is not None
    assert caught.value.next_command.startswith(f"git checkout -- {path}")
    assert info.path.is_dir()


def test_an_index_of_models_with_a_hostile_name_is_refused(ws: Workspace) -> None:
    path = ws.models / "student" / "index.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"model_index_schema": 1, "name": "../x", "versions": [], "tags": {}, "yanked": {}}))
    with pytest.raises(SetupError, match="is not an index of versions"):
        MODEL_KIND.format.load(ws.models, "student")


@pytest.mark.parametrize("name", ["../../../secret.parquet", "/etc/passwd", "a.parquet"])
def test_a_listing_of_shards_names_files_of_its_folder_alone(ws: Workspace, name: str) -> None:
    info = publish(ws, build(), report_html="", report_json={}).version
    listing = json.loads((info.path / "shards.json").read_text())
    listing["problems"][0]["file"] = name
    (info.path / "shards.json").write_text(json.dumps(listing))
    forget_digests(info)
    with pytest.raises(RollmillError, match="is no listing of shards"):
        open_version(info)
