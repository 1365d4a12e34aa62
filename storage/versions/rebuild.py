"""index.json written again from the manifests of the versions; what only it knew comes from the ledger, as far as it does.

Numbers and hashes are the manifests' own. Times, tags and withdrawals are the ledger's memory of what was seen in this
workspace; sign-offs are in neither and are lost. Never runs git.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage.errors import SetupError
from storage.json_files import read_object
from storage.ledger.models import DatasetRow
from storage.versions.durable import locked, write_text
from storage.versions.index import Entry, Index, index_path, manifest_copy, point_latest, save_index
from storage.versions.ledger import reindex
from storage.versions.publish import lock_path
from storage.versions.resolve import remains
from storage.workspace import Workspace


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
    found = remains(ws.datasets, name)
    if not found:
        raise SetupError(f"nothing is left of a dataset {name!r} in {ws.datasets}.", next_command="rollmill dataset list")
    known = _known(ws, name)
    manifests = {folder: text for folder in found if (text := _manifest(ws.datasets, name, folder)) is not None}
    place = ws.datasets / name
    entries = (_entry(folder, _read(path), known.get(folder), place) for folder, path in manifests.items())
    index = Index(
        name,
        tuple(entries),
        tags={tag: folder for folder in manifests if folder in known for tag in known[folder].detail.get("tags", ())},
        yanked={folder: known[folder].detail["yanked"] for folder in manifests if _yanked(known.get(folder))},
    )
    if not dry_run:
        with locked(lock_path(ws, name)):
            for folder, path in manifests.items():
                write_text(manifest_copy(ws.datasets, name, folder), path.read_text(encoding="utf-8"))
            save_index(ws.datasets, index)
            point_latest(ws.datasets, index)
        reindex(ws)
    return Rebuilt(index, tuple(folder for folder in found if folder not in manifests))


def _known(ws: Workspace, name: str) -> dict[str, DatasetRow]:
    """What the ledger remembers, by folder."""
    with ws.ledger.read() as session:
        rows = session.scalars(select(DatasetRow).where(DatasetRow.name == name)).all()
    return {Path(row.path).name: row for row in rows}


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
    counts, hashes = manifest["counts"], manifest["hashes"]
    if not str(hashes["content"]).startswith(folder.partition("-")[2]):
        raise SetupError(
            f"the manifest of {place / folder} is of another content ({hashes['content'][:8]}).",
            next_command=f"git checkout -- {place}",
        )
    if known is not None:
        seconds = known.created_at
    else:
        copies = (place / "manifests" / f"{folder}.json", place / folder / "manifest.json")
        seconds = min(path.stat().st_mtime for path in copies if path.exists())
    return Entry(
        number=int(folder[1:].split("-", maxsplit=1)[0]),
        content_hash=hashes["content"],
        kept_hash=hashes["kept"],
        scores_hash=hashes["scores"],
        recipe_hash=str(manifest["recipe_hash"]),
        parent=manifest["parent"],
        created_at=datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"),
        problems=counts["problems"],
        rows=counts["rollouts"],
        kept=counts["kept"],
    )


def _yanked(known: DatasetRow | None) -> bool:
    return known is not None and known.detail.get("yanked") is not None
