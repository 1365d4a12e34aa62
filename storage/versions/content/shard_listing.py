"""The listing of a version's shards of rows: which files hold each kind, and whether one is as published."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.ground.errors import FoundWanting
from storage.ground.files import read_object
from storage.versions.content.digests import require

LISTING = "shards.json"
FOLDER = "shards"

_FILE = re.compile(r"[0-9a-f]{64}\.parquet")
Listing = dict[str, list[dict[str, Any]]]


def read_listing(folder: Path) -> Listing | None:
    """Shards of a version by kind; None for a version that is one database file, or is not here."""
    path = folder / LISTING
    if not path.exists():
        return None
    again = _again(folder)
    listing: Listing = read_object(path, next_command=again)
    if any(not isinstance(shards, list) or not all(_is_shard(shard) for shard in shards) for shards in listing.values()):
        raise FoundWanting(f"{path} is no listing of shards.", next_command=again)
    return listing


def _is_shard(shard: object) -> bool:
    """True for an entry with the name of a file in the folder of shards: its digest."""
    return isinstance(shard, Mapping) and bool(_FILE.fullmatch(str(shard.get("file"))))


def _again(folder: Path) -> str:
    """Command that brings the published files of a version back."""
    return f"rollmill dataset checkout {folder.parent.name}@{folder.name}, or rm -r {folder} and run its recipe again"


def require_shard(folder: Path, shard: Mapping[str, Any]) -> None:
    """Raise FoundWanting if a shard that is here has another digest than the one in its name. An absent shard passes."""
    published = shard["file"].removesuffix(".parquet")
    require(folder / FOLDER / shard["file"], published, folder.name, _again(folder))
