"""`dataset gc` and `model gc`: remove from this clone the files of versions that a DVC remote has too.

Index, manifests and DVC pointers stay: a freed version is listed, shown and compared by its numbers as before, and
`pull` brings its files back. Needed are the newest version, versions with a tag or a sign-off, and the parents of
all these. Files that no remote has are never removed.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked
from rollmill.storage import dvc
from rollmill.storage.artifacts.digests import cached_path, outs_of
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.artifacts.references import V
from rollmill.storage.artifacts.sharing import missing_in_remote

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True)
class Holding(Generic[V]):
    """The files of one version in this clone: those that only it needs, and the reason to keep them (None:
    removable)."""

    version: V
    needed: str | None
    files: tuple[Path, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes freed by removing it."""
        return sum(path.stat().st_size for path in self.files)


def holdings(
    kind: ArtifactKind[Any, V], versions: Sequence[V], *, keep: int = 1, remote: str | None = None
) -> list[Holding[V]]:
    """The versions of one artifact with local files, oldest first; the `keep` newest ones are always needed."""
    if keep < 1:
        raise SetupError(f"--keep {keep}: the newest version always stays.", choices=["1 or more"])
    here = [version for version in versions if kind.is_here(version)]
    reasons = _reasons_to_keep(kind, here, keep)
    rest = [version for version in here if version.folder not in reasons]
    reasons |= dict.fromkeys(_unshared(kind, rest, remote), f"no DVC remote has its {kind.files}")
    kept = [version for version in here if version.folder in reasons]
    # Removing a file that a remaining version shares as a hard link frees no space.
    inodes = {path.stat().st_ino for version in kept for path in _files(kind, version)}
    cached = _cached_files(kind, versions, {version.folder for version in here} - reasons.keys())
    return [
        Holding(version, reasons[version.folder])
        if version.folder in reasons
        else Holding(
            version,
            None,
            (*(p for p in _files(kind, version) if p.stat().st_ino not in inodes), *cached.get(version.folder, ())),
        )
        for version in here
    ]


def free(kind: ArtifactKind[Any, V], ws: "Workspace", holdings: Sequence[Holding[V]]) -> list[str]:
    """Remove the files that are not needed from this clone; the freed versions."""
    root = kind.root(ws)
    freed = [holding for holding in holdings if holding.needed is None]
    for holding in freed:
        with locked(kind.lock(ws, holding.version.name)):
            # One by one: the objects of DVC's cache are not in the version's folder.
            for path in holding.files:
                path.unlink(missing_ok=True)
            shutil.rmtree(holding.version.path)
            kind.saved(root, kind.format.load(root, holding.version.name))
    return [holding.version.ref for holding in freed]


def _reasons_to_keep(kind: ArtifactKind[Any, V], versions: Sequence[V], keep: int) -> dict[str, str]:
    """Reason to keep each needed version, by folder."""
    usable = [version for version in versions if version.yanked is None]
    reasons = {version.folder: "newest" for version in usable[-keep:]}
    for version in versions:
        if version.tags:
            reasons.setdefault(version.folder, f"tagged {', '.join(version.tags)}")
        elif version.signoffs:
            reasons.setdefault(version.folder, f"signed off by {version.signoffs[-1].by}")
    by_hash = {version.content_hash: version for version in versions}
    # A list, as the loop adds reasons: the parent of a parent is not needed.
    for version in [version for version in versions if version.folder in reasons]:
        if (parent := by_hash.get(kind.parent(version) or "")) is not None:
            reasons.setdefault(parent.folder, f"{version.ref} came after it")
    return reasons


def _unshared(kind: ArtifactKind[Any, V], versions: Sequence[V], remote: str | None) -> set[str]:
    """The folders of the versions that are not tracked, or whose files are incomplete in the remote."""
    tracked = [version for version in versions if version.pointer.exists()]
    root = dvc.repository(tracked[0].path.parent, ".dvc") if tracked else None
    if root is None or (remote is None and not dvc.has_remote(root, None)):
        return {version.folder for version in versions}
    absent = missing_in_remote(kind, tracked, remote)
    # DVC's third state, `deleted`, means that only the cache of this clone lacks the files.
    return {
        version.folder for version in versions if version not in tracked or absent.get(version.ref) in ("new", "missing")
    }


def _files(kind: ArtifactKind[Any, V], version: V) -> Iterator[Path]:
    yield from (path for path in version.path.rglob("*") if kind.is_freed(path.name) and path.is_file())


def _cached_files(kind: ArtifactKind[Any, V], versions: Sequence[V], going: set[str]) -> dict[str, tuple[Path, ...]]:
    """The files of DVC's cache with files of the removed versions only; empty for a cache outside the repository, which
    other repositories may use.
    """
    root = dvc.repository(versions[0].path.parent, ".dvc") if going else None
    if root is None:
        return {}
    place = Path(dvc.last_line(dvc.run(["cache", "dir"], root).stdout))
    if not place.is_relative_to(root):
        return {}
    tracked = [version for version in versions if version.pointer.exists()]
    listed = {version.folder: set(_objects(kind, place / "files" / "md5", version)) for version in tracked}
    others = {path for folder, paths in listed.items() if folder not in going for path in paths}
    return {folder: tuple(sorted(listed.get(folder, set()) - others)) for folder in going}


def _objects(kind: ArtifactKind[Any, V], place: Path, version: V) -> Iterator[Path]:
    """The cached files of a version, by DVC's listing of its folder."""
    listing = cached_path(place, outs_of(version.pointer)[0]["md5"])
    for file in json.loads(listing.read_text(encoding="utf-8")) if listing.is_file() else ():
        path = cached_path(place, file["md5"])
        if kind.is_freed(file["relpath"]) and path.is_file():
            yield path
