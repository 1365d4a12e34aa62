"""Files of a dataset that were damaged or altered: one line that names the file and mends, found by verify, made again."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.storage.artifacts.index import index_path, manifest_copy
from rollmill.storage.versions.manifest import changed_files, disagreements
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import checked_text, is_whole, load_manifest, load_snapshot, open_version
from rollmill.storage.versions.resolve import VersionInfo, resolve, versions
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build, decisions_of

pytestmark = pytest.mark.integration

DAMAGE: dict[str, tuple[bytes, str]] = {
    "no UTF-8": (b'{"name": "to\xffy"}', r"not UTF-8 text \(byte 0xff at position 12\)"),
    "empty": (b"", "it is empty"),
    "cut off": (b'{"name": "toy", "vers', r"not valid JSON \(line 1: Unterminated string"),
    "no object": (b"[1, 2]", "does not hold a JSON object"),
    "too deep": (b"[" * 200_000, "nested too deeply"),
    "too many digits": (b'{"name": %s}' % (b"1" * 5_000), "a number has too many digits"),
}


@pytest.fixture
def info(ws: Workspace) -> VersionInfo:
    """toy@v1."""
    return _publish(ws)


def _publish(ws: Workspace) -> VersionInfo:
    return publish(ws, build(), report_html="<p>fine</p>", report_json={"passed": True}).version


def _alter(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(("content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_or_manifest_is_one_line(info: VersionInfo, ws: Workspace, content: bytes, message: str) -> None:
    copy = manifest_copy(ws.datasets, "toy", info.folder)
    (info.path / "manifest.json").write_bytes(content)
    with pytest.raises(FoundWanting, match=r"manifest\.json of toy@v1 was altered") as altered:
        open_version(info)
    assert altered.value.next_command == f"cp {copy} {info.path / 'manifest.json'}"
    assert load_manifest(info)["name"] == "toy"  # of the copy, which came with git
    copy.write_bytes(content)
    with pytest.raises(SetupError, match=message) as caught:
        load_manifest(info)
    assert caught.value.next_command == f"git checkout -- {copy}"
    path = index_path(ws.datasets, "toy")
    path.write_bytes(content)
    with pytest.raises(SetupError, match=message) as caught:
        versions(ws.datasets, "toy")
    assert caught.value.next_command == f"git checkout -- {path}, or remove it and rollmill dataset rebuild-index toy"


def test_a_sound_version_agrees_with_itself(info: VersionInfo) -> None:
    snapshot = load_snapshot(info)
    assert [*disagreements(info, snapshot, decisions_of(snapshot)), *changed_files(info)] == []
    assert is_whole(info)


def test_a_version_from_before_models_were_counted_agrees_too(info: VersionInfo, ws: Workspace) -> None:
    for path in (info.path / "manifest.json", manifest_copy(ws.datasets, "toy", info.folder)):
        _alter(path, lambda value: value["counts"].pop("models"))
    snapshot = load_snapshot(info)
    assert [*disagreements(info, snapshot, decisions_of(snapshot))] == []
    for path in (info.path / "manifest.json", manifest_copy(ws.datasets, "toy", info.folder)):
        _alter(path, lambda value: value["counts"].update(models={"other": 5}))
    snapshot = load_snapshot(info)
    differences = disagreements(info, snapshot, decisions_of(snapshot))
    assert [text.split(" {")[0] for text in differences] == ["the manifest counts models"]


def test_altered_counts_copies_cards_and_reports_are_found(info: VersionInfo, ws: Workspace) -> None:
    _alter(index_path(ws.datasets, "toy"), lambda value: value["versions"][0].update(kept=6, recipe_hash="other"))
    _alter(manifest_copy(ws.datasets, "toy", info.folder), lambda value: value["metrics"].update(pass_rate=1.0))
    _alter(info.path / "manifest.json", lambda value: value["counts"]["levels"]["1"].update(correct=3))
    (info.path / "README.md").write_text("# another card")
    (info.path / "report.html").unlink()
    (info.path / "report.json").write_text('{"passed": false}')
    altered = resolve(ws.datasets, "toy")
    with pytest.raises(FoundWanting, match=r"manifest.json of toy@v1 was altered since it was published: it has [0-9,]+"):
        load_snapshot(altered)
    assert [*changed_files(altered)] == [
        "manifest.json is not the one that was published",
        "README.md is not the one that was published",
        "report.html is missing",
        "report.json is not the one that was published",
    ]
    for name in ("README.md", "report.json", "report.html"):
        with pytest.raises((FoundWanting, SetupError), match=name):
            checked_text(altered, name)
    snapshot = replace(build(), manifest=load_manifest(altered))
    assert [*disagreements(altered, snapshot, decisions_of(snapshot))][:2] == [
        "the index says recipe_hash other, the manifest rrrrrrrr",
        "the index says kept 6, the manifest 2",
    ]


@pytest.mark.parametrize("name", ["shards.json", "manifest.json", "README.md", "report.html"])
def test_the_same_content_mends_a_version_that_lost_a_file(info: VersionInfo, ws: Workspace, name: str) -> None:
    (info.path / name).unlink()
    assert not is_whole(info)
    mended = _publish(ws)
    assert (mended.ref, mended.content_hash, is_whole(mended)) == ("toy@v1", info.content_hash, True)
    snapshot = load_snapshot(mended)
    assert [*disagreements(mended, snapshot, decisions_of(snapshot)), *changed_files(mended)] == []


def test_the_same_content_mends_a_version_whose_rows_cannot_be_read(info: VersionInfo, ws: Workspace) -> None:
    (shard,) = (info.path / "shards" / "rollouts").iterdir()
    for damage in (b"", b"not Parquet", shard.read_bytes()[:500]):
        shard.write_bytes(damage)
        assert not is_whole(info)
        assert is_whole(_publish(ws))


def test_rows_that_only_dvc_has_are_not_written_again(info: VersionInfo, ws: Workspace) -> None:
    info.path.with_name(f"{info.folder}.dvc").write_text("outs: []\n")
    shutil.rmtree(info.path)
    done = publish(ws, build(), report_html="", report_json={})
    assert (done.created, info.path.exists()) == (False, False)
    assert f"rollmill dataset pull toy@v1 (if no remote has them: rm {info.path}.dvc, and again)" in done.messages[-1]
