"""`dataset gc`: removes from this clone the rows of versions that are not needed here and are in a DVC remote.

Index, manifests and DVC pointers stay: a freed version is listed, shown and compared by its numbers as before, and
`dataset pull` brings its rows back. Needed are the newest version, versions with a tag or a sign-off, and the parents of
all these. Rows that no remote has are never removed.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked
from rollmill.storage import dvc
from rollmill.storage.versions.content.digests import cached_path, outs_of
from rollmill.storage.versions.index import load_index, point_latest
from rollmill.storage.versions.publish import lock_path
from rollmill.storage.versions.read import is_here, pointer
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.versions.upkeep.sharing import missing_in_remote
from rollmill.storage.workspace import Workspace

UNSHARED = "no DVC remote has its rows"


@dataclass(frozen=True)
class Holding:
    """The rows of one version in this clone: the files that only it needs, and the reason to keep them (None:
    removable)."""

    info: VersionInfo
    needed: str | None
    files: tuple[Path, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes freed by removing it."""
        return sum(path.stat().st_size for path in self.files)


def holdings(infos: Sequence[VersionInfo], *, keep: int = 1, remote: str | None = None) -> list[Holding]:
    """The versions of one dataset with local rows, oldest first; the `keep` newest ones are always needed."""
    if keep < 1:
        raise SetupError(f"--keep {keep}: the newest version always stays.", choices=["1 or more"])
    here = [info for info in infos if is_here(info)]
    reasons = _reasons_to_keep(here, keep)
    rest = [info for info in here if info.folder not in reasons]
    reasons |= dict.fromkeys(_unshared(rest, remote), UNSHARED)
    kept = [info for info in here if info.folder in reasons]
    # Removing a shard that a remaining version shares as a hard link frees no space.
    inodes = {path.stat().st_ino for info in kept for path in _row_files(info)}
    cached = _cached_files(infos, {info.folder for info in here} - reasons.keys())
    return [
        Holding(info, reasons[info.folder])
        if info.folder in reasons
        else Holding(
            info, None, (*(p for p in _row_files(info) if p.stat().st_ino not in inodes), *cached.get(info.folder, ()))
        )
        for info in here
    ]


def free(ws: Workspace, holdings: Sequence[Holding]) -> list[str]:
    """Remove the rows that are not needed from this clone; the freed versions."""
    freed = [holding for holding in holdings if holding.needed is None]
    for holding in freed:
        with locked(lock_path(ws, holding.info.name)):
            # One by one: the objects of DVC's cache are not in the version's folder.
            for path in holding.files:
                path.unlink(missing_ok=True)
            shutil.rmtree(holding.info.path)
            # The link may have pointed to the removed folder.
            point_latest(ws.datasets, load_index(ws.datasets, holding.info.name))
    return [holding.info.ref for holding in freed]


def _reasons_to_keep(infos: Sequence[VersionInfo], keep: int) -> dict[str, str]:
    """Reason to keep each needed version, by folder."""
    usable = [info for info in infos if info.yanked is None]
    reasons = {info.folder: "newest" for info in usable[-keep:]}
    for info in infos:
        if info.tags:
            reasons.setdefault(info.folder, f"tagged {', '.join(info.tags)}")
        elif info.signoffs:
            reasons.setdefault(info.folder, f"signed off by {info.signoffs[-1].by}")
    by_hash = {info.content_hash: info for info in infos}
    # A list, as the loop adds reasons: the parent of a parent is not needed.
    for info in [info for info in infos if info.folder in reasons]:
        if info.parent is not None and (parent := by_hash.get(info.parent)) is not None:
            reasons.setdefault(parent.folder, f"{info.ref} came after it")
    return reasons


def _unshared(infos: Sequence[VersionInfo], remote: str | None) -> set[str]:
    """The folders of the versions that are not tracked, or whose rows are incomplete in the remote."""
    tracked = [info for info in infos if pointer(info).exists()]
    root = dvc.repository(tracked[0].path.parent, ".dvc") if tracked else None
    if root is None or (remote is None and not dvc.has_remote(root, None)):
        return {info.folder for info in infos}
    absent = missing_in_remote(tracked, remote)
    # DVC's third state, `deleted`, means that only the cache of this clone lacks the rows.
    return {info.folder for info in infos if info not in tracked or absent.get(info.ref) in ("new", "missing")}


def _row_files(info: VersionInfo) -> Iterator[Path]:
    yield from (path for path in info.path.rglob("*") if path.suffix in (".duckdb", ".parquet") and path.is_file())


def _cached_files(infos: Sequence[VersionInfo], going: set[str]) -> dict[str, tuple[Path, ...]]:
    """The files of DVC's cache with rows of the removed versions only; empty for a cache outside the repository, which
    other repositories may use.
    """
    root = dvc.repository(infos[0].path.parent, ".dvc") if going else None
    if root is None:
        return {}
    place = Path(dvc.last_line(dvc.run(["cache", "dir"], root).stdout))
    if not place.is_relative_to(root):
        return {}
    listed = {info.folder: set(_objects(place / "files" / "md5", info)) for info in infos if pointer(info).exists()}
    others = {path for folder, paths in listed.items() if folder not in going for path in paths}
    return {folder: tuple(sorted(listed.get(folder, set()) - others)) for folder in going}


def _objects(place: Path, info: VersionInfo) -> Iterator[Path]:
    """The cached files of a version's rows, by DVC's listing of its folder."""
    listing = cached_path(place, outs_of(pointer(info))[0]["md5"])
    for file in json.loads(listing.read_text(encoding="utf-8")) if listing.is_file() else ():
        path = cached_path(place, file["md5"])
        if file["relpath"].endswith((".duckdb", ".parquet")) and path.is_file():
            yield path
