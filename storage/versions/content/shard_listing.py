"""The listing of a version's shards of rows: which files hold each kind, and whether one is as published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.ground.files import read_object
from storage.versions.content.digests import require

LISTING = "shards.json"
FOLDER = "shards"

Listing = dict[str, list[dict[str, Any]]]


def read_listing(folder: Path) -> Listing | None:
    """Shards of a version by kind; None for a version that is one database file, or is not here."""
    path = folder / LISTING
    if not path.exists():
        return None
    again = f"dvc checkout --force {folder}.dvc, or remove {folder} and run its recipe again"
    listing: Listing = read_object(path, next_command=again)
    return listing


def require_shard(folder: Path, shard: Mapping[str, Any]) -> None:
    """Raise FoundWanting if a shard that is here has another digest than the one in its name. An absent shard passes."""
    again = f"dvc checkout --force {folder}.dvc, or rm -r {folder} and run its recipe again"
    require(folder / FOLDER / shard["file"], shard["file"].removesuffix(".parquet"), folder.name, again)
