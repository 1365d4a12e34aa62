"""Repair of a lost index.json: versions are listed again from their manifests.

Numbers and hashes come from the manifests, times, tags and withdrawals from the ledger as far as it has them; sign-offs
are lost. The index is written last, so after a kill the rebuild is simply run again. Runs no git.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked, read_object, write_text
from rollmill.storage.ledger.models import DatasetRow
from rollmill.storage.versions.index import Entry, Index, index_path, manifest_copy, point_latest, save_index
from rollmill.storage.versions.ledger import reindex
from rollmill.storage.versions.publish import lock_path
from rollmill.storage.versions.resolve import remains
from rollmill.storage.workspace import Workspace


@dataclass(frozen=True)
class RebuiltVersion:
    """The new index, and the folders without a manifest, which are not in it."""

    index: Index
    left_out: tuple[str, ...]


def rebuild_index(ws: Workspace, name: str, *, dry_run: bool = False) -> RebuiltVersion:
    """Write the index of a dataset that lost it; SetupError if it has one, or if no version is left."""
    path = index_path(ws.datasets, name)
    if path.exists():
        raise SetupError(f"{path} exists; rebuild-index is for a lost index.", next_command="rollmill doctor")
    folders = remains(ws.datasets, name)
    if not folders:
        raise SetupError(f"nothing is left of a dataset {name!r} in {ws.datasets}.", next_command="rollmill dataset list")
    known = _recorded(ws, name)
    manifests = {folder: copy for folder in folders if (copy := _manifest(ws.datasets, name, folder)) is not None}
    details = {folder: known[folder].detail for folder in manifests if folder in known}
    index = Index(
        name,
        tuple(_entry(folder, _read(path), known.get(folder), ws.datasets / name) for folder, path in manifests.items()),
        tags={tag: folder for folder, detail in details.items() for tag in detail.get("tags", ())},
        yanked={folder: detail["yanked"] for folder, detail in details.items() if detail.get("yanked") is not None},
    )
    if not dry_run:
        with locked(lock_path(ws, name)):
            for folder, path in manifests.items():
                # A copy that is missing or unreadable is written from the manifest in the version's folder.
                write_text(manifest_copy(ws.datasets, name, folder), path.read_text(encoding="utf-8"))
            save_index(ws.datasets, index)
            point_latest(ws.datasets, index)
        reindex(ws)
    return RebuiltVersion(index, tuple(folder for folder in folders if folder not in manifests))


def listed_again(ws: Workspace, name: str, folders: Collection[str]) -> list[Entry]:
    """The entries of versions with local manifests, in the order of the folders."""
    known = _recorded(ws, name) if folders else {}
    copies = {folder: manifest_copy(ws.datasets, name, folder) for folder in folders}
    return [_entry(folder, _read(path), known.get(folder), ws.datasets / name) for folder, path in copies.items()]


def _recorded(ws: Workspace, name: str) -> Mapping[str, DatasetRow]:
    """The ledger's rows on a dataset, by the versions' folders."""
    with ws.ledger.read() as session:
        rows = session.scalars(select(DatasetRow).where(DatasetRow.name == name)).all()
    return {Path(row.path).name: row for row in rows}


def _manifest(datasets: Path, name: str, folder: str) -> Path | None:
    """The manifest of a version: the git-tracked copy, or the one in its folder if the copy is missing or unreadable."""
    both = (manifest_copy(datasets, name, folder), datasets / name / folder / "manifest.json")
    paths = [path for path in both if path.exists()]
    # The last one is not tried: its reader reports what is wrong with it.
    for path in paths[:-1]:
        with suppress(SetupError):
            _read(path)
            return path
    return paths[-1] if paths else None


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, next_command=f"git checkout -- {path}")


def _entry(folder: str, manifest: dict[str, Any], known: DatasetRow | None, place: Path) -> Entry:
    content = str(manifest["hashes"]["content"])
    # Without an index only the folder's name tells which content has this number.
    if not content.startswith(folder.partition("-")[2]):
        raise SetupError(
            f"the manifest of {place / folder} is of another content ({content[:8]}).",
            next_command=f"git checkout -- {place}",
        )
    if known is not None:
        seconds = known.created_at
    else:
        # Unknown to the ledger: copies are written at publication, so the oldest time is the nearest.
        copies = (place / "manifests" / f"{folder}.json", place / folder / "manifest.json")
        seconds = min(path.stat().st_mtime for path in copies if path.exists())
    number = int(folder[1:].split("-", maxsplit=1)[0])
    return Entry.of_manifest(number, manifest, datetime.fromtimestamp(seconds, UTC))
