"""Publishing of versions, safe against a crash at any point.

The version is written whole into a hidden folder beside its place and fsynced; then an intent is recorded. From there every
step is idempotent and driven by the intent alone: rename, ledger, index, `dvc add`. The next `publish`, or any writing
command through `finish_interrupted`, finishes the intent of a killed process. Never commits to git.
"""

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.failpoints import hit
from rollmill.ground.files import json_text, locked, read_object, sync, sync_folder, write_text
from rollmill.ground.ids import sha256_text
from rollmill.storage import dvc
from rollmill.storage.artifacts.digests import altered, digest
from rollmill.storage.artifacts.index import NAME, Index, check_names, index_path, manifest_copy
from rollmill.storage.artifacts.layout import LISTING
from rollmill.storage.versions.content.card import card
from rollmill.storage.versions.content.derived import explained_by_machine, ignore_derived, write_database, write_kept
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.shards import share_equal, write_shards
from rollmill.storage.versions.content.snapshot import Snapshot, checked
from rollmill.storage.versions.index import Entry, load_index, point_latest, save_index
from rollmill.storage.versions.leaks import refuse_in_snapshot
from rollmill.storage.versions.ledger import record_version
from rollmill.storage.versions.manifest import full_manifest, kept_by_split
from rollmill.storage.versions.read import TEXTS, fetch_command, is_whole, load_snapshot
from rollmill.storage.versions.resolve import REFERENCES, VersionInfo, version_info
from rollmill.storage.workspace import Workspace

_PARTIAL = ".partial-"
NO_KEYS: Mapping[str, str] = {}


@dataclass(frozen=True)
class VersionDraft:
    """All content of a version's folder. `parent` is the folder of the version before, if its files are here."""

    snapshot: Snapshot
    manifest: dict[str, Any]
    entry: Entry
    texts: Mapping[str, str]
    parent: Path | None = None

    def write(self, folder: Path) -> None:
        """Create the folder with all of its files, durably; it must not exist."""
        folder.mkdir(parents=True)
        write_shards(folder, self.snapshot, self.parent)
        write_kept(folder, self.manifest)
        # DVC's pointer has the digests of a tracked version; its manifest is the same in every clone that makes it.
        tracked = dvc.repository(folder, ".dvc") is not None
        rows = {} if tracked else {LISTING: digest(folder / LISTING)}
        manifest = {**self.manifest, "files": {**self.manifest["files"], **rows}}
        for name, text in (*self.texts.items(), ("manifest.json", json_text(manifest))):
            (folder / name).write_text(text, encoding="utf-8")
        sync_folder(folder)
        sync(folder.parent)


@dataclass(frozen=True)
class Publication:
    """The version with the published content, whether it is new, and lines for a person."""

    version: VersionInfo
    created: bool
    messages: list[str]


def publish(  # noqa: PLR0913 (options, all by name)
    ws: Workspace,
    snapshot: Snapshot,
    *,
    report_html: str,
    report_json: dict[str, Any],
    again: bool = True,
    keys: Mapping[str, str] = NO_KEYS,
    more: Mapping[str, str] = NO_KEYS,
) -> Publication:
    """Make the snapshot the newest version of its dataset; no new version if the newest has the same content.

    `again`: content of an older version becomes the newest once more; by default it is nothing new. `keys`, by environment
    variable: FoundWanting if the snapshot contains one. `more`: further texts of the version, by file name.
    """
    if not NAME.fullmatch(snapshot.name):
        raise SetupError(
            f"{snapshot.name!r} is not a valid dataset name: use letters, digits, '-', '_' and '.', at most 64."
        )
    snapshot = checked(snapshot)
    with locked(REFERENCES.lock(ws, snapshot.name)):
        # First: a publication cut short by a kill may have a number that the index does not show yet.
        messages = _finish(ws, snapshot.name)
        REFERENCES.refuse_lost_index(ws.datasets, snapshot.name)
        index = load_index(ws.datasets, snapshot.name)
        newest = index.newest
        manifest = full_manifest(snapshot, newest.content_hash if newest else None)
        same = _same(index, manifest["hashes"]["content"], older=not again)
        info = _info(ws, snapshot.name, same) if same else None
        # Its files are here and complete, or a DVC pointer gives their source.
        if info and (is_whole(info) if info.path.exists() else info.pointer.exists()):
            late = _track_late(ws, info)
            return Publication(info, created=False, messages=[*messages, *_unchanged(info, manifest, newest), *late])
        if same:  # its files were deleted here and exist nowhere else: write them again
            entry, manifest = same, {**manifest, "parent": same.parent}
        else:
            entry = Entry.of_manifest(index.next_number(), manifest, datetime.now(UTC))
        texts = {"README.md": card(manifest), "report.html": report_html, "report.json": json_text(report_json), **more}
        refuse_in_snapshot(snapshot, {**texts, "manifest.json": json_text(manifest)}, keys)
        manifest["files"] = {name: sha256_text(text) for name, text in texts.items()}
        parent = ws.datasets / snapshot.name / newest.folder if newest else None
        _write(ws, VersionDraft(snapshot, manifest, entry, texts, parent))
        messages += _finish(ws, snapshot.name)
        if same is None:
            messages += _again(ws, snapshot.name, entry)
        return Publication(_info(ws, snapshot.name, entry), created=same is None, messages=messages)


def rewrite(ws: Workspace, info: VersionInfo) -> list[str]:
    """Write a version of an older program again as this one would, under its number and hashes; lines for a person."""
    with locked(REFERENCES.lock(ws, info.name)):
        messages = _finish(ws, info.name)
        snapshot = load_snapshot(info)
        if (actual := content_hash(snapshot)) != info.content_hash:
            raise altered("the content", actual, info.content_hash, info.ref, f"rollmill dataset checkout {info.ref}")
        manifest = {**snapshot.manifest, "counts": {**snapshot.manifest["counts"], "splits": kept_by_split(snapshot)}}
        here = [name for name in TEXTS if (info.path / name).is_file()]  # as published: the snapshot was loaded
        texts = {name: (info.path / name).read_text(encoding="utf-8") for name in here} | {"README.md": card(manifest)}
        manifest["files"] = {name: sha256_text(text) for name, text in texts.items()}
        entry = next(entry for entry in load_index(ws.datasets, info.name).versions if entry.folder == info.folder)
        _write(ws, VersionDraft(snapshot, manifest, entry, texts))
        # From here on the next command finishes it, and before it the old folder is whole.
        shutil.rmtree(info.path)
        hit("publish.rewritten")
        return messages + _finish(ws, info.name)


def _again(ws: Workspace, name: str, entry: Entry) -> list[str]:
    """The line for a new version with the content of an older one."""
    known = load_index(ws.datasets, name).versions
    equal = [other.number for other in known if other.content_hash == entry.content_hash and other.number != entry.number]
    return [f"{name}@v{entry.number} has the content of v{equal[0]}, published again after others."] if equal else []


def _same(index: Index[Entry], content: str, *, older: bool) -> Entry | None:
    """The version with this content: the newest one, or with `older` the last one that has it, even a yanked one."""
    known = index.versions if older else index.versions[-1:]
    equal = [entry for entry in known if entry.content_hash == content]
    return max(equal, key=lambda entry: (entry.folder not in index.yanked, entry.number), default=None)


def finish_interrupted(ws: Workspace) -> list[str]:
    """Finish every publication of a dead process, and remove its incomplete folders; lines for a person."""
    messages: list[str] = []
    names = {path.stem for path in (ws.state / "publishing").glob("*.json")}
    names |= {path.parent.name for path in ws.datasets.glob(f"*/{_PARTIAL}*")}
    for name in sorted(filter(NAME.fullmatch, names)):
        with locked(REFERENCES.lock(ws, name), wait=False) as mine:
            if mine:  # otherwise its publisher is alive and working
                messages += _finish(ws, name)
    return messages


def _finish(ws: Workspace, name: str) -> list[str]:
    """Complete the recorded intent of one dataset. The caller holds the dataset's lock."""
    intent = _intent(ws, name)
    folder = ws.datasets / name
    if not intent.exists():
        for leftover in folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(leftover)
        return []
    entry = _intended(ws, name, intent)
    final = folder / entry.folder
    _rename(folder / (_PARTIAL + entry.folder), version_info(ws.datasets, Index(name), entry))
    if not final.exists():
        intent.unlink()
        return [f"{name}@v{entry.number} was never finished and its files are gone; run its recipe again."]
    hit("publish.renamed")
    if (final / LISTING).exists():  # an equal folder that was there already may be of an older program
        with explained_by_machine(final):
            write_database(final, read_object(final / "manifest.json", next_command=f"rm -r {final}"))
    ignore_derived(folder)
    hit("publish.derived")
    messages = _record(ws, name, entry)
    tracked = dvc.add(final)
    hit("publish.dvc")
    share_equal(final)
    hit("publish.shared")
    intent.unlink()
    sync(intent.parent)
    files = [index_path(ws.datasets, name), manifest_copy(ws.datasets, name, entry.folder), *tracked.files]
    return messages + [line for line in (tracked.warning, dvc.git_add_line(files)) if line]


def _intended(ws: Workspace, name: str, intent: Path) -> Entry:
    """The entry in an intent; SetupError for one that this program did not write: its number and hash become paths."""
    again = f"rm {shlex.quote(str(intent))} and run the recipe again"
    row = read_object(intent, next_command=again)
    try:
        entry = Entry(**row)
        check_names(index_path(ws.datasets, name), name, [(entry.number, entry.content_hash)])
    except (TypeError, ValueError) as error:
        raise SetupError(f"{intent} is no publication that was interrupted: {error}.", next_command=again) from error
    return entry


def _record(ws: Workspace, name: str, entry: Entry) -> list[str]:
    datasets = ws.datasets
    REFERENCES.refuse_lost_index(datasets, name, but=entry.folder)
    index = load_index(datasets, name).with_version(entry)
    record_version(ws, version_info(datasets, index, entry))
    hit("publish.ledger")
    manifest = (datasets / name / entry.folder / "manifest.json").read_text(encoding="utf-8")
    # Before the index: a reader finds the manifest copy of every version in it.
    write_text(manifest_copy(datasets, name, entry.folder), manifest)
    save_index(datasets, index)
    point_latest(datasets, index)
    hit("publish.index")
    return [f"published {name}@v{entry.number} ({entry.content_hash[:8]}): {entry.kept} of {entry.rows} rollouts kept."]


def _track_late(ws: Workspace, info: VersionInfo) -> list[str]:
    """Track a version that was published before there was a DVC repository; no effect if it is tracked already."""
    if info.pointer.exists() or not info.path.exists() or dvc.repository(info.path, ".dvc") is None:
        return []
    ignore_derived(info.path.parent)
    tracked = dvc.add(info.path)
    share_equal(info.path)
    point_latest(ws.datasets, load_index(ws.datasets, info.name))
    line = dvc.git_add_line([index_path(ws.datasets, info.name), *tracked.files])
    return [text for text in (tracked.warning or f"{info.ref} is tracked by DVC now.", line) if text]


def _info(ws: Workspace, name: str, entry: Entry) -> VersionInfo:
    return version_info(ws.datasets, load_index(ws.datasets, name), entry)


def _unchanged(info: VersionInfo, manifest: dict[str, Any], newest: Entry | None) -> list[str]:
    lines = [f"{info.ref} ({info.content_hash[:8]}) already has this content; no new version."]
    if newest is not None and newest.number != info.number:
        lines.append(f"{info.name}@v{newest.number} stays the newest.")
    if info.scores_hash != manifest["hashes"]["scores"]:
        lines.append(f"the scores differ from those of {info.ref}; scores alone make no version and were not stored.")
    if not info.path.exists():
        lines.append(
            f"its rows are not in this clone: {fetch_command(info)} (if no remote has them: rm {info.pointer}, and again)"
        )
    return lines


def _write(ws: Workspace, draft: VersionDraft) -> None:
    """Write the whole version beside its place, make it durable, then record the intent to publish it."""
    partial = ws.datasets / draft.snapshot.name / (_PARTIAL + draft.entry.folder)
    intent = _intent(ws, draft.snapshot.name)
    try:
        with explained_by_machine(partial):
            draft.write(partial)
            write_text(intent, json_text(asdict(draft.entry)))
    finally:
        # With an intent the next command finishes the folder; without one no command would.
        if not intent.exists():
            shutil.rmtree(partial, ignore_errors=True)
    hit("publish.folder_written")


def _rename(partial: Path, info: VersionInfo) -> None:
    if partial.exists() and info.path.exists() and is_whole(info):
        shutil.rmtree(partial)  # an equal folder is there already, from another branch of the repository
    elif partial.exists():
        if info.path.exists():  # its files were deleted or damaged: this is the same content, written again
            shutil.rmtree(info.path)
        partial.rename(info.path)
        sync(info.path.parent)


def _intent(ws: Workspace, name: str) -> Path:
    return ws.state / "publishing" / f"{name}.json"
