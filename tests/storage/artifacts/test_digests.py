"""What was altered since it was published is not read: by its digest, of which manifest and DVC's pointer know."""

import hashlib
import json
import os
from pathlib import Path

import duckdb
import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.storage.artifacts.digests import digest, pointed, require_pointed
from rollmill.storage.exports import export
from rollmill.storage.queries.browse.why import why
from rollmill.storage.versions.content.shard_listing import read_listing
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import is_whole, load_manifest, load_snapshot, open_version
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import HARD, build, forget_digests
from tests.storage.versions.older import Layout, one_file, put_as, today

pytestmark = pytest.mark.integration


def put(ws: Workspace, layout: Layout = today) -> VersionInfo:
    return put_as(layout, ws, build())


def alter(info: VersionInfo) -> None:
    """Another reference in a database that is as sound as before."""
    path = info.path / "dataset.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update problems set reference = '999' where reference = '144'")


@pytest.mark.parametrize("read", ["open", "snapshot", "export", "why"])
def test_an_altered_database_is_read_by_nobody(ws: Workspace, tmp_path: Path, read: str) -> None:
    info = put(ws, one_file)
    open_version(info).close()
    published = load_manifest(info)["files"]["dataset.duckdb"]
    alter(info)
    found = hashlib.sha256((info.path / "dataset.duckdb").read_bytes()).hexdigest()
    with pytest.raises(FoundWanting) as caught:
        _read(read, info, tmp_path)
    assert caught.value.message == (
        "dataset.duckdb of toy@v1 was altered since it was published: "
        f"its digest is {found[:16]}, {published[:16]} was published."
    )
    assert caught.value.next_command == f"rm -r {info.path} and run its recipe again"
    assert not is_whole(info)
    assert not list(tmp_path.glob("*.jsonl"))
    again = put(ws)  # the same content again puts the published rows back
    assert (again.ref, load_snapshot(again).problems["reference"].to_pylist().count("999")) == ("toy@v1", 0)


def _read(how: str, info: VersionInfo, folder: Path) -> None:
    match how:
        case "open":
            open_version(info).close()
        case "snapshot":
            load_snapshot(info)
        case "export":
            export(info, "sft", folder / "a.jsonl")
        case _:
            why(info, HARD.id)


def test_an_altered_shard_is_read_by_nobody_and_taken_over_by_no_version(ws: Workspace) -> None:
    info = put(ws)
    listing = read_listing(info.path)
    assert listing is not None
    path = info.path / "shards" / listing["problems"][0]["file"]
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(FoundWanting, match=rf"{path.name} of {info.folder} was altered"):
        open_version(info)
    with pytest.raises(FoundWanting, match=rf"{path.name} of {info.folder} was altered"):
        why(info, HARD.id)
    second = publish(ws, build(kept=(True,) * 6), report_html="", report_json={}).version
    assert load_snapshot(second).problems.num_rows == 2


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert digest(path) == hashlib.sha256(b"one").hexdigest()
    read: list[str] = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: read.append(name) or real(file, name))  # type: ignore[func-returns-value]
    assert digest(path) == hashlib.sha256(b"one").hexdigest()
    assert read == []
    path.write_bytes(b"two")
    assert digest(path) == hashlib.sha256(b"two").hexdigest()
    os.utime(path, ns=(1, 1))
    assert digest(path) == hashlib.sha256(b"two").hexdigest()
    assert read == ["sha256", "sha256"]


def test_rows_of_older_versions_are_known_by_the_pointer_of_dvc(ws: Workspace) -> None:
    info = put(ws, one_file)
    forget_digests(info)
    open_version(info).close()
    files = sorted(path.name for path in info.path.iterdir())
    listing = [{"md5": hashlib.md5((info.path / name).read_bytes()).hexdigest(), "relpath": name} for name in files]
    text = json.dumps(listing, sort_keys=True)
    whole = hashlib.md5(text.encode()).hexdigest() + ".dir"
    pointer = info.path.with_name(f"{info.folder}.dvc")
    size = sum((info.path / name).stat().st_size for name in files)
    pointer.write_text(f"outs:\n- md5: {whole}\n  size: {size}\n  nfiles: 5\n  hash: md5\n  path: {info.folder}\n")
    assert pointed(pointer) == whole
    open_version(info).close()
    require_pointed(info.path, pointer, info.ref, "again")
    alter(info)
    with pytest.raises(FoundWanting, match="a file of toy@v1 was altered"):
        open_version(info)
    cache = ws.root / ".dvc" / "cache" / "files" / "md5" / whole[:2]
    cache.mkdir(parents=True)
    (cache / whole[2:]).write_text(text)
    with pytest.raises(FoundWanting, match=r"of toy@v1 was altered .*\n?.*rollmill dataset checkout toy@v1;") as caught:
        open_version(info)
    assert caught.value.next_command is not None


def test_a_pointer_with_a_conflict_of_git_in_it_is_named(tmp_path: Path) -> None:
    pointer = tmp_path / "v1-abc.dvc"
    pointer.write_text("<<<<<<< HEAD\nouts:\n- md5: a\n=======\nouts:\n- md5: b\n>>>>>>> other\n")
    with pytest.raises(FoundWanting, match="is not a pointer of DVC") as caught:
        pointed(pointer)
    assert caught.value.next_command == f"git checkout HEAD -- {pointer}"
