"""A DVC remote (a folder here) whose objects somebody altered: nothing of them is used, and no path in them is followed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.storage.artifacts.sharing import pull, push, restore
from rollmill.storage.models.files import checked_file, version_folder
from rollmill.storage.models.index import resolve_model
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.models.publish import publish_model
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import fetch_command, is_here, is_whole, load_snapshot
from rollmill.storage.versions.resolve import VersionInfo, resolve
from rollmill.storage.workspace import Workspace
from tests.repositories import git, run_dvc
from tests.storage.versions.conftest import build

pytestmark = pytest.mark.security
MARK = "ran"


class Shared:
    """An author's repository with toy@v1 and a model in a remote, of which each test gets copies."""

    def __init__(self, root: Path) -> None:
        self.root, self.origin, self.store = root, root / "origin", root / "store"
        self.origin.mkdir(parents=True)
        git(self.origin, "init", "-q", "-b", "main")
        run_dvc(self.origin, "init", "--quiet")
        run_dvc(self.origin, "remote", "add", "--default", "store", str(self.store))
        with Workspace.init(self.origin) as ws:
            info = publish(ws, build(), report_html="<p>published</p>", report_json={}).version
            push(DATASETS, [info])
            folder = root / "weights"
            folder.mkdir()
            (folder / "config.json").write_text("{}")
            (folder / "weights.bin").write_bytes(b"published")
            record: dict[str, object] = {"data": [], "init": None, "training": {}}
            publish_model(ws, "student", folder, record, "# card\n")
            run_dvc(self.origin, "push", "--quiet")
        git(self.origin, "add", ".")
        git(self.origin, "commit", "-q", "-m", "v1")

    def clone(self, place: Path) -> tuple[Path, Path]:
        """A clone of the repository with a copy of the remote as its own; both may be altered."""
        store = place / "store"
        shutil.copytree(self.store, store)
        git(place, "clone", "-q", str(self.origin), "clone")
        (place / "clone" / ".dvc" / "config.local").write_text(f"['remote \"store\"']\n    url = {store}\n")
        Workspace.init(place / "clone").close()
        return place / "clone", store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return Shared(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def both(shared: Shared, tmp_path: Path) -> tuple[VersionInfo, Path, Path]:
    clone, store = shared.clone(tmp_path)
    return resolve(clone / "datasets", "toy"), clone, store


def item(store: Path, digest: str) -> Path:
    return store / "files" / "md5" / digest[:2] / digest[2:]


def listing_of(info: VersionInfo) -> str:
    return info.pointer.read_text().split("md5: ")[1].split()[0]


def listed(store: Path, info: VersionInfo) -> list[dict[str, str]]:
    value: list[dict[str, str]] = json.loads(item(store, listing_of(info)).read_bytes())
    return value


def overwrite(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def alter_listing(store: Path, info: VersionInfo, change: Callable[[list[dict[str, str]]], object]) -> None:
    entries = listed(store, info)
    change(entries)
    overwrite(item(store, listing_of(info)), json.dumps(entries).encode())


def put(store: Path, content: bytes) -> str:
    digest = hashlib.md5(content).hexdigest()
    overwrite(item(store, digest), content)
    return digest


def alter(store: Path, info: VersionInfo, name: str, content: Callable[[bytes], bytes]) -> None:
    """Another content of a file under the digest of the published one."""
    (digest,) = [entry["md5"] for entry in listed(store, info) if entry["relpath"].startswith(name)]
    overwrite(item(store, digest), content(item(store, digest).read_bytes()))


FILES = ["manifest.json", "shards.json", "shards/problems/"]


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_of_a_remote_is_not_taken(both: tuple[VersionInfo, Path, Path], name: str) -> None:
    info, _, store = both
    assert fetch_command(info) == "rollmill dataset pull toy@v1"
    published = store.parent / "kept"
    shutil.copytree(store, published)
    alter(store, info, name, lambda content: content + b"\n ")
    with pytest.raises(FoundWanting, match=rf"{name.partition('/')[0]}.* was altered since it was published") as caught:
        pull(DATASETS, [info])
    assert caught.value.next_command == "put the published file back into the remote, then rollmill dataset pull toy@v1"
    assert (is_here(info), info.path.exists()) == (False, False)
    shutil.rmtree(store)
    published.rename(store)
    assert pull(DATASETS, [info]).versions == ("toy@v1",)
    assert content_hash(load_snapshot(info)) == info.content_hash


@pytest.mark.parametrize("name", ["dataset.duckdb", "kept.parquet", "kept-x.parquet"])
def test_a_derived_file_of_a_remote_is_not_taken(both: tuple[VersionInfo, Path, Path], name: str) -> None:
    """Its publisher listed it: a database may hold views of the reader's files, which whoever opens it would read."""
    info, _, store = both
    evil = put(store, b"anything")
    republish_listing(store, info, lambda entries: entries.append({"md5": evil, "relpath": name}))
    with pytest.raises(FoundWanting, match=f"names the file '{name}', which every clone makes itself"):
        pull(DATASETS, [info])
    assert not (info.path / name).exists()


def republish_listing(store: Path, info: VersionInfo, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Another listing under its own digest, with a pointer to it, as a publisher makes them."""
    entries = listed(store, info)
    change(entries)
    listing = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True).encode()
    old, digest = listing_of(info), hashlib.md5(listing).hexdigest()
    overwrite(item(store, f"{digest}.dir"), listing)
    info.pointer.write_text(info.pointer.read_text().replace(old.removesuffix(".dir"), digest))


def own_files(place: Path) -> list[str]:
    """Every file but the state of DVC and of the workspace."""
    found = (str(path.relative_to(place)) for path in place.rglob("*"))
    return sorted(path for path in found if ".dvc/" not in path and ".rollmill" not in path)


OUTSIDE = {
    "above": "../../../evil",
    "in git": "../../../.git/hooks/post-checkout",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
def test_a_listing_writes_nothing_outside_its_folder(both: tuple[VersionInfo, Path, Path], path: str) -> None:
    info, clone, store = both
    evil = put(store, b"#!/bin/sh\ntouch ran\n")
    alter_listing(store, info, lambda entries: entries.append({"md5": evil, "relpath": path}))
    before = own_files(clone.parent)
    with pytest.raises((FoundWanting, SetupError)):
        pull(DATASETS, [info])
    assert own_files(clone.parent) == before


def test_a_listing_of_other_files_is_not_followed(both: tuple[VersionInfo, Path, Path]) -> None:
    info, _, store = both
    evil = put(store, b"import os\n")
    alter_listing(store, info, lambda entries: entries.append({"md5": evil, "relpath": "sitecustomize.py"}))
    with pytest.raises(FoundWanting, match="the listing of files of toy@v1 was altered"):
        pull(DATASETS, [info])
    assert not info.path.exists()


def test_what_plain_dvc_pulled_is_read_by_nobody(
    both: tuple[VersionInfo, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody runs `dvc pull`, which checks nothing: the manifest names Python of the attacker."""
    from rollmill.flows import cli
    from rollmill.flows.rejudging.verification import verify_version

    info, clone, store = both

    def with_code(content: bytes) -> bytes:
        text = f"open({str(clone / MARK)!r}, 'w').close()\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        manifest = json.loads(content)
        manifest["user_files"] = {digest: {"file": "own.py", "text": text}}
        manifest["recipe"]["select"] = {"method": "own.py:Own", "digest": digest, "options": {}}
        return json.dumps(manifest).encode()

    alter(store, info, "manifest.json", with_code)
    run_dvc(clone, "pull", "--quiet", str(info.pointer.relative_to(clone)))
    assert is_here(info)
    verification = verify_version(info, base=clone)
    assert verification.differences == {
        "hashes": ["manifest.json is not the one that was published"],
        "decisions": [],
        "verdicts": [],
    }
    assert verification.checked["rejudged"] == 0
    monkeypatch.chdir(clone)
    for arguments in (
        ["verify", "toy", "--base", "."],
        ["show", "toy"],
        ["export", "toy", "--out", "out.jsonl"],
        ["diff", "toy@v1", "toy@v1"],
    ):
        assert cli.run(["dataset", *arguments]) == 1, arguments
    assert not (clone / MARK).exists()
    assert not (clone / "out.jsonl").exists()


def test_a_cache_that_plain_dvc_filled_restores_nothing_altered(both: tuple[VersionInfo, Path, Path]) -> None:
    info, clone, store = both
    alter(store, info, "README.md", lambda content: content + b"evil")
    run_dvc(clone, "fetch", "--quiet", str(info.pointer.relative_to(clone)))
    with pytest.raises(SetupError, match="does not have the rows of toy@v1"):
        restore(DATASETS, [info])
    assert not (info.path / "README.md").exists()


POINTERS = {
    "another path": ("path: {folder}", "path: ../../.git"),
    "a command's folder": ("outs:", "wdir: ../..\nouts:"),
    "a source": ("outs:", "deps:\n- path: https://127.0.0.1:9/x\nouts:"),
    "a digest that is a path": ("md5: {digest}", "md5: ../../../x.dir"),
    "no digest of DVC 3": ("  hash: md5\n", ""),
}


@pytest.mark.parametrize(("old", "new"), POINTERS.values(), ids=POINTERS)
def test_a_pointer_to_anything_else_is_refused(both: tuple[VersionInfo, Path, Path], old: str, new: str) -> None:
    info, _, _ = both
    text = info.pointer.read_text()
    filled = old.format(folder=info.folder, digest=listing_of(info))
    assert filled in text
    info.pointer.write_text(text.replace(filled, new))
    with pytest.raises((FoundWanting, SetupError), match=rf"{info.folder}\.dvc"):
        pull(DATASETS, [info])
    assert not info.path.exists()


def test_a_link_in_place_of_a_version_is_not_written_through(both: tuple[VersionInfo, Path, Path]) -> None:
    info, clone, _ = both
    target = clone.parent / "home"
    target.mkdir()
    info.path.symlink_to(target)
    with pytest.raises(FoundWanting, match="is a link; it is not followed"):
        pull(DATASETS, [info])
    assert not list(target.iterdir())


def test_a_model_of_a_tampered_remote_is_not_taken(shared: Shared, tmp_path: Path) -> None:
    clone, store = shared.clone(tmp_path)
    with Workspace.open(clone) as ws:
        version = resolve_model(ws.models, "student")
        overwrite(item(store, hashlib.md5(b"published").hexdigest()), b"altered")
        with pytest.raises(FoundWanting, match=r"weights\.bin of student@v1 was altered"):
            pull(MODEL_KIND, [version])
        assert not version.path.exists()
        overwrite(item(store, hashlib.md5(b"published").hexdigest()), b"published")
        pull(MODEL_KIND, [version])
        assert version_folder(ws.models, "models/student") == version.path
        assert checked_file(version, "README.md").read_text() == "# card\n"
        overwrite(version.path / "README.md", b"# evil\n")
        with pytest.raises(FoundWanting, match=r"README\.md of student@v1 was altered"):
            checked_file(version, "README.md")
        overwrite(version.path / "weights.bin", b"evil")
        with pytest.raises(FoundWanting, match=r"weights\.bin of student@v1 is not the one"):
            version_folder(ws.models, "models/student")


@pytest.mark.parametrize("point", ["pull.fetched", "pull.placed"])
def test_a_killed_pull_is_finished_by_the_next_one(both: tuple[VersionInfo, Path, Path], point: str) -> None:
    info, clone, _ = both
    killed = command(clone, "dataset", "pull", "toy", failpoint=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = command(clone, "dataset", "pull", "toy")
    assert again.returncode == 0, again.stderr
    assert is_whole(info)
    assert content_hash(load_snapshot(info)) == info.content_hash
    assert (info.path.parent / "latest").readlink() == Path(info.folder)


def test_a_version_of_which_a_file_is_missing_is_not_used(both: tuple[VersionInfo, Path, Path]) -> None:
    """As a kill within DVC leaves it, with a file that it was writing."""
    info, _, _ = both
    pull(DATASETS, [info])
    (info.path / "README.md").unlink()
    (info.path / ".vBmUTbTIix4a2kH1W3h6Kg.tmp").write_text("")
    with pytest.raises(FoundWanting, match=r"README\.md of toy@v1 is missing"):
        load_snapshot(info)
    pull(DATASETS, [info])
    assert is_whole(info)
    assert not list(info.path.glob(".*"))


@pytest.mark.parametrize("point", ["marks.index", "marks.latest"])
def test_a_killed_yank_is_finished_by_the_same_command(both: tuple[VersionInfo, Path, Path], point: str) -> None:
    info, clone, _ = both
    pull(DATASETS, [info])
    for verb, more, yanked in (("yank", ("--reason", "wrong"), "wrong"), ("unyank", (), None)):
        killed = command(clone, "dataset", verb, "toy@v1", *more, failpoint=point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = command(clone, "dataset", verb, "toy@v1", *more)
        assert again.returncode == (0 if verb == "yank" else 2), again.stderr
        assert resolve(clone / "datasets", "toy@v1").yanked == yanked
    assert is_whole(info)


def command(root: Path, *arguments: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"ROLLMILL_FAILPOINT": failpoint} if failpoint else {})}
    run = [sys.executable, "-m", "rollmill", *arguments]
    return subprocess.run(run, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
