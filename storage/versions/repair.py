"""Repairing an index.json: two clones made a version of the same number (rebase), or the file is lost (rebuild).

A rebase reads both sides from the conflict that git left in the file and gives one side's versions the next free numbers.
Content hashes stay, and with them every parent: only numbers, folder names, DVC pointers, tags, yanks and sign-offs that
name a folder change. A rebuild takes numbers and hashes from the manifests; times, tags and withdrawals come from the
ledger as far as it saw them, and sign-offs are lost. The index is written last, so either is simply run again after a kill.
Neither runs git.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from storage import dvc
from storage.errors import SetupError
from storage.files import locked, read_object, read_utf8, write_text
from storage.ledger.models import DatasetRow
from storage.versions.index import Entry, Index, index_path, manifest_copy, parse_index, point_latest, restoring, save_index
from storage.versions.ledger import reindex
from storage.versions.publish import lock_path
from storage.versions.resolve import remains
from storage.workspace import Workspace

Side = Literal["ours", "theirs"]
_MARKERS = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")


@dataclass(frozen=True)
class Rebase:
    """Which folder got which new name, and the `git add` line that settles the conflict (None outside of git)."""

    renamed: Mapping[str, str]
    git_add: str | None


def rebase(ws: Workspace, name: str, *, keep: Side = "theirs") -> Rebase:
    """Keep one side's numbers (by default those of the clone that was merged in) and renumber the other's new versions."""
    path = index_path(ws.datasets, name)
    if not path.exists():
        raise SetupError(f"no dataset {name!r} here ({path} is missing).", next_command="rollmill dataset list")
    with locked(lock_path(ws, name)):
        ours, theirs = (parse_index(text, path) for text in sides(read_utf8(path, next_command=restoring(path))))
        kept, moved = (theirs, ours) if keep == "theirs" else (ours, theirs)
        merged, renamed = merge(kept, moved)
        for old, new in renamed.items():
            _rename(ws.datasets, name, old, new)
        _settle_gitignore(ws.datasets / name / ".gitignore", renamed)
        save_index(ws.datasets, merged)
        point_latest(ws.datasets, merged)
    reindex(ws)
    # Where DVC tracks the rows they are ignored by git, so the whole folder may be added, pointers that went included.
    tracked = any(path.parent.glob("*.dvc"))
    return Rebase(renamed, dvc.git_add_line([path.parent] if tracked else [path, path.parent / "manifests"]))


def merge(kept: Index, moved: Index) -> tuple[Index, dict[str, str]]:
    """One index with the versions of both, and old -> new folder names of the moved ones."""
    folders = {entry.folder for entry in kept.versions}
    next_number, renamed, versions = kept.next_number(), {}, list(kept.versions)
    for entry in moved.versions:
        if entry.folder not in folders:
            renumbered = replace(entry, number=next_number)
            renamed[entry.folder] = renumbered.folder
            versions.append(renumbered)
            next_number += 1
    signoffs = [replace(word, folder=renamed.get(word.folder, word.folder)) for word in moved.signoffs]
    merged = Index(
        name=kept.name,
        versions=tuple(sorted(versions, key=attrgetter("number"))),
        tags={**{tag: renamed.get(folder, folder) for tag, folder in moved.tags.items()}, **kept.tags},
        yanked={**{renamed.get(folder, folder): reason for folder, reason in moved.yanked.items()}, **kept.yanked},
        signoffs=(*kept.signoffs, *(word for word in signoffs if word not in kept.signoffs)),
    )
    return merged, {old: new for old, new in renamed.items() if old != new}


def sides(text: str) -> tuple[str, str]:
    """The two texts (ours, theirs) that a git conflict mixes; twice the same text where there is none."""
    ours: list[str] = []
    theirs: list[str] = []
    current: tuple[list[str], ...] = (ours, theirs)
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            current = (ours,)
        # The common ancestor, which git adds in the conflict styles diff3 and zdiff3.
        elif line.startswith("||||||| "):
            current = ()
        elif line.rstrip("\n") == "=======":
            current = (theirs,)
        elif line.startswith(">>>>>>> "):
            current = (ours, theirs)
        else:
            for side in current:
                side.append(line)
    return "".join(ours), "".join(theirs)


def _rename(datasets: Path, name: str, old: str, new: str) -> None:
    folder = datasets / name
    pairs = [
        (folder / old, folder / new),
        (manifest_copy(datasets, name, old), manifest_copy(datasets, name, new)),
        (folder / f"{old}.dvc", folder / f"{new}.dvc"),
    ]
    for source, target in pairs:
        # Some have their new name already where a rebase was killed and is run again.
        if source.exists() and not target.exists():
            source.rename(target)
    pointer = folder / f"{new}.dvc"
    if pointer.exists():  # the pointer names its folder; the content it points to is the same
        write_text(pointer, pointer.read_text(encoding="utf-8").replace(f"path: {old}\n", f"path: {new}\n"))


def _settle_gitignore(path: Path, renamed: Mapping[str, str]) -> None:
    """DVC lists every tracked folder there, so it conflicts with the index: keep each line once, under its new name."""
    if not path.exists():
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(_MARKERS)]
    # A folder of the kept side may bear the number that a moved one gave up, but never its name: names hold the hash.
    names = dict.fromkeys(f"/{renamed.get(line[1:], line[1:])}" if line.startswith("/") else line for line in lines)
    write_text(path, "\n".join(names) + "\n")


@dataclass(frozen=True)
class Rebuilt:
    """The index as it was (or would be) written, and the folders without a manifest, which are not in it."""

    index: Index
    left_out: tuple[str, ...]


def rebuild_index(ws: Workspace, name: str, *, dry_run: bool = False) -> Rebuilt:
    """Write the index of a dataset that lost it; SetupError where it has one, or where nothing is left of it."""
    path = index_path(ws.datasets, name)
    if path.exists():
        raise SetupError(f"{path} is there; a rebuild is for a lost one.", next_command="rollmill doctor")
    folders = remains(ws.datasets, name)
    if not folders:
        raise SetupError(f"nothing is left of a dataset {name!r} in {ws.datasets}.", next_command="rollmill dataset list")
    with ws.ledger.read() as session:
        rows = session.scalars(select(DatasetRow).where(DatasetRow.name == name)).all()
    known = {Path(row.path).name: row for row in rows}
    manifests = {folder: copy for folder in folders if (copy := _manifest(ws.datasets, name, folder)) is not None}
    place = ws.datasets / name
    entries = (_entry(folder, _read(path), known.get(folder), place) for folder, path in manifests.items())
    details = {folder: known[folder].detail for folder in manifests if folder in known}
    index = Index(
        name,
        tuple(entries),
        tags={tag: folder for folder, detail in details.items() for tag in detail.get("tags", ())},
        yanked={folder: detail["yanked"] for folder, detail in details.items() if detail.get("yanked") is not None},
    )
    if not dry_run:
        with locked(lock_path(ws, name)):
            for folder, path in manifests.items():
                write_text(manifest_copy(ws.datasets, name, folder), path.read_text(encoding="utf-8"))
            save_index(ws.datasets, index)
            point_latest(ws.datasets, index)
        reindex(ws)
    return Rebuilt(index, tuple(folder for folder in folders if folder not in manifests))


def _manifest(datasets: Path, name: str, folder: str) -> Path | None:
    """The manifest of a version, the git-tracked copy or the one in its folder: the first that is there and can be read."""
    both = (manifest_copy(datasets, name, folder), datasets / name / folder / "manifest.json")
    paths = [path for path in both if path.exists()]
    for path in paths[:-1]:
        with suppress(SetupError):
            _read(path)
            return path
    return paths[-1] if paths else None


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, next_command=f"git checkout -- {path}, or dvc checkout --force")


def _entry(folder: str, manifest: dict[str, Any], known: DatasetRow | None, place: Path) -> Entry:
    content = str(manifest["hashes"]["content"])
    if not content.startswith(folder.partition("-")[2]):
        raise SetupError(
            f"the manifest of {place / folder} is of another content ({content[:8]}).",
            next_command=f"git checkout -- {place}",
        )
    if known is not None:
        seconds = known.created_at
    else:
        # The ledger never saw it: no copy was written before the publication, so the oldest time is the nearest.
        copies = (place / "manifests" / f"{folder}.json", place / folder / "manifest.json")
        seconds = min(path.stat().st_mtime for path in copies if path.exists())
    number = int(folder[1:].split("-", maxsplit=1)[0])
    return Entry.of_manifest(number, manifest, datetime.fromtimestamp(seconds, UTC))
