"""Repair of a lost index.json: versions are listed again from their manifests.

Numbers and hashes come from the manifests, times, tags and withdrawals from the ledger as far as it has them; sign-offs
are lost. The index is written last, so after a kill the rebuild is simply run again. Runs no git.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked, read_object, write_text
from rollmill.storage.artifacts.index import Index, index_path, manifest_copy
from rollmill.storage.artifacts.kind import ArtifactKind, LedgerMarks
from rollmill.storage.artifacts.references import E, V, remains

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True)
class RebuiltIndex(Generic[E]):
    """The new index, and the folders without a manifest, which are not in it."""

    index: Index[E]
    left_out: tuple[str, ...]


def rebuild_index(kind: ArtifactKind[E, V], ws: "Workspace", name: str, *, dry_run: bool = False) -> RebuiltIndex[E]:
    """Write the index of an artifact that lost it; SetupError if it has one, or if no version is left."""
    root = kind.root(ws)
    path = index_path(root, name)
    if path.exists():
        raise SetupError(f"{path} exists; rebuild-index is for a lost index.", next_command="rollmill doctor")
    folders = remains(root, name)
    if not folders:
        raise SetupError(f"nothing is left of a {kind.noun} {name!r} in {root}.", next_command=f"rollmill {kind.noun} list")
    known = kind.recorded(ws, name)
    paths = {folder: copy for folder in folders if (copy := _manifest(kind, root / name, folder)) is not None}
    marks = {folder: known[folder] for folder in paths if folder in known}
    index = Index(
        name,
        tuple(_entry(kind, root / name / folder, _read(path), known.get(folder)) for folder, path in paths.items()),
        tags={tag: folder for folder, mark in marks.items() for tag in mark.tags},
        yanked={folder: mark.yanked for folder, mark in marks.items() if mark.yanked is not None},
    )
    if not dry_run:
        with locked(kind.lock(ws, name)):
            for folder, path in paths.items():
                # A copy that is missing or unreadable is written from the manifest in the version's folder.
                write_text(manifest_copy(root, name, folder), path.read_text(encoding="utf-8"))
            kind.format.save(root, index)
            kind.saved(root, index)
        kind.reindex(ws)
    return RebuiltIndex(index, tuple(folder for folder in folders if folder not in paths))


def listed_again(kind: ArtifactKind[E, V], ws: "Workspace", name: str, folders: Collection[str]) -> list[E]:
    """The entries of versions with local manifests, in the order of the folders."""
    root = kind.root(ws)
    known = kind.recorded(ws, name) if folders else {}
    copies = {folder: manifest_copy(root, name, folder) for folder in folders}
    return [_entry(kind, root / name / folder, _read(path), known.get(folder)) for folder, path in copies.items()]


def _manifest(kind: ArtifactKind[E, V], place: Path, folder: str) -> Path | None:
    """The manifest of a version: the git-tracked copy, or the one in its folder if the copy is missing or unreadable."""
    both = (manifest_copy(place.parent, place.name, folder), place / folder / kind.manifest)
    paths = [path for path in both if path.exists()]
    # The last one is not tried: its reader reports what is wrong with it.
    for path in paths[:-1]:
        with suppress(SetupError):
            _read(path)
            return path
    return paths[-1] if paths else None


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, next_command=f"git checkout -- {path}")


def _entry(kind: ArtifactKind[E, V], place: Path, manifest: dict[str, Any], known: LedgerMarks | None) -> E:
    """The entry of the version whose folder is `place`."""
    if known is not None:
        seconds = known.created_at
    else:
        # Unknown to the ledger: copies are written at publication, so the oldest time is the nearest.
        copies = (manifest_copy(place.parent.parent, place.parent.name, place.name), place / kind.manifest)
        seconds = min(path.stat().st_mtime for path in copies if path.exists())
    number = int(place.name[1:].split("-", maxsplit=1)[0])
    entry = kind.entry(number, manifest, datetime.fromtimestamp(seconds, UTC), place)
    # Without an index only the folder's name tells which content has this number.
    if entry.folder != place.name:
        raise SetupError(
            f"the manifest of {place} is of another content ({entry.content_hash[:8]}).",
            next_command=f"git checkout -- {place.parent}",
        )
    return entry
