"""The index of a dataset: its entries, the names under which it is read and written, and the link `latest`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rollmill.ground.errors import explained
from rollmill.ground.files import ensure_lines
from rollmill.storage.artifacts.index import LINK, ArtifactEntry, Index, IndexFormat
from rollmill.storage.dvc import repository


@dataclass(frozen=True)
class Entry(ArtifactEntry):
    """A version in the index. `parent` is the content hash of the version before it."""

    kept_hash: str
    scores_hash: str
    recipe_hash: str
    parent: str | None
    created_at: str
    problems: int
    rows: int
    kept: int

    @classmethod
    def of_manifest(cls, number: int, manifest: Mapping[str, Any], created_at: datetime) -> "Entry":
        """The entry for a version's manifest."""
        counts, hashes = manifest["counts"], manifest["hashes"]
        return cls(
            number=number,
            content_hash=hashes["content"],
            kept_hash=hashes["kept"],
            scores_hash=hashes["scores"],
            recipe_hash=str(manifest["recipe_hash"]),
            parent=manifest["parent"],
            created_at=created_at.isoformat(timespec="seconds"),
            problems=counts["problems"],
            rows=counts["rollouts"],
            kept=counts["kept"],
        )


FORMAT = IndexFormat("dataset", "index_schema", Entry)
load_index, save_index = FORMAT.load, FORMAT.save


def point_latest(datasets: Path, index: Index[Entry]) -> None:
    """Point the link at the newest version with local files; remove it if there is none."""
    place = datasets / index.name
    usable = [entry.folder for entry in index.usable]
    here = [folder for folder in usable if (place / folder).is_dir()]
    link = place / LINK
    if link.exists() and not link.is_symlink():
        return  # a user's own file of that name
    # An older version behind the link would be mistaken for the newest.
    if not here or here[-1] != usable[-1]:
        link.unlink(missing_ok=True)
        return
    with explained(place):
        if repository(place, ".git") is not None:
            ensure_lines(place / ".gitignore", [f"/{LINK}"])
        if link.is_symlink() and str(link.readlink()) == here[-1]:
            return
        # A link cannot be overwritten: creating one beside it and renaming leaves no moment without a link.
        temporary = place / f".{LINK}.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(here[-1])
        os.replace(temporary, link)  # noqa: PTH105 - Path.replace would do the same
