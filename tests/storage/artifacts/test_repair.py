"""A lost index.json is named by every look and rebuilt from manifests and ledger; no version is lost."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import index_path
from rollmill.storage.artifacts.marks import tag, yank
from rollmill.storage.artifacts.references import lost_indexes, remains
from rollmill.storage.artifacts.repair import rebuild_index
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.index import FORMAT, load_index
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import finish_interrupted, publish
from rollmill.storage.versions.read import fetch_command, is_here, open_version
from rollmill.storage.versions.resolve import resolve, versions
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
SECOND = (False, False, True, False, True, False)
THIRD = (True, False, True, False, True, False)


@pytest.fixture
def two(ws: Workspace, snapshot: Build) -> Workspace:
    """A workspace with toy@v1 (withdrawn) and toy@v2 (tagged)."""
    publish(ws, snapshot(), report_html="", report_json={})
    publish(ws, snapshot(kept=SECOND), report_html="", report_json={})
    yank(DATASETS, ws, "toy@v1", "wrong references")
    tag(DATASETS, ws, "toy@v2", "golden")
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
    planned = rebuild_index(DATASETS, two, "toy", dry_run=True)
    assert not path.exists()
    assert rebuild_index(DATASETS, two, "toy") == planned
    assert path.read_text() == before
    assert publish(two, snapshot(kept=THIRD), report_html="", report_json={}).version.ref == "toy@v3"
    with pytest.raises(SetupError, match="exists; rebuild-index is for a lost index"):
        rebuild_index(DATASETS, two, "toy")
    with pytest.raises(SetupError, match="nothing is left of a dataset 'other'"):
        rebuild_index(DATASETS, two, "other")


def test_a_rebuild_from_the_rows_alone(two: Workspace) -> None:
    before = load_index(two.datasets, "toy")
    shutil.rmtree(two.datasets / "toy" / "manifests")
    index_path(two.datasets, "toy").unlink()
    (two.datasets / "toy" / "v3-0123abcd").mkdir()
    done = rebuild_index(DATASETS, two, "toy")
    assert done.left_out == ("v3-0123abcd",)
    assert done.index == before
    assert len(list((two.datasets / "toy" / "manifests").glob("*.json"))) == 2


def test_a_manifest_of_another_content_is_refused(two: Workspace) -> None:
    first, last = remains(two.datasets, "toy")
    copies = two.datasets / "toy" / "manifests"
    shutil.copyfile(copies / f"{last}.json", copies / f"{first}.json")
    index_path(two.datasets, "toy").unlink()
    with pytest.raises(SetupError, match="is of another content"):
        rebuild_index(DATASETS, two, "toy")
    assert not index_path(two.datasets, "toy").exists()


def test_an_interrupted_publication_does_not_hide_a_lost_index(two: Workspace, snapshot: Build, tmp_path: Path) -> None:
    last = resolve(two.datasets, "toy@v2")
    intent = two.state / "publishing" / "toy.json"
    intent.parent.mkdir(exist_ok=True)
    entry = FORMAT.parse(index_path(two.datasets, "toy").read_text(), tmp_path / "toy" / "index.json").versions[1]
    intent.write_text(json.dumps(asdict(entry)))
    index_path(two.datasets, "toy").unlink()
    with pytest.raises(SetupError, match=r"1 versions of toy are here .* to v1-"):
        finish_interrupted(two)
    assert last.path.exists()


def test_an_index_of_another_shape_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    for text in ('{"index_schema": 1, "name": "toy"}', '{"index_schema": 1, "name": "t", "versions": [{"number": 1}]}'):
        with pytest.raises(SetupError, match=r"is not an index of versions \((KeyError|TypeError)") as caught:
            FORMAT.parse(text, path)
        assert caught.value.text().endswith(f"Next: {FORMAT.restoring(path)}")


def test_dvc_is_advised_only_where_it_has_the_rows(two: Workspace) -> None:
    info = resolve(two.datasets, "toy@v2")
    assert is_here(info)
    shutil.rmtree(info.path)
    assert not is_here(info)
    gone = f"rollmill curate RECIPE makes them again (DVC never had them: there is no {info.folder}.dvc)"
    assert fetch_command(info) == gone
    with pytest.raises(SetupError) as caught:
        open_version(info)
    assert caught.value.text().endswith(gone)
    pointer = info.path.with_name(f"{info.folder}.dvc")
    pointer.write_text("outs: []\n")
    assert fetch_command(info) == "rollmill dataset pull toy@v2"
