"""The listing of a version's shards of rows: which files hold each kind, and whether one is as published."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.errors import FoundWanting
from rollmill.ground.files import read_object
from rollmill.storage.artifacts.digests import require
from rollmill.storage.artifacts.layout import FOLDER, LISTING
from rollmill.storage.versions.content.shard_sizes import require_small

_FILE = re.compile(r"([a-z]+/)?[0-9a-f]{64}\.parquet")  # older programs wrote all kinds into one folder
_OVERHEAD = 16 << 20  # bytes of a file beside its rows: headers and statistics of pages and columns
Listing = dict[str, list[dict[str, Any]]]


def read_listing(folder: Path) -> Listing | None:
    """Shards of a version by kind; None for a version that is one database file, as before, or is not here."""
    path = folder / LISTING
    if not path.exists():
        return None
    again = _again(folder)
    listing: Listing = read_object(path, next_command=again)
    if any(not isinstance(shards, list) or not all(_is_shard(shard) for shard in shards) for shards in listing.values()):
        raise FoundWanting(f"{path} is no listing of shards.", next_command=again)
    return listing


def _is_shard(shard: object) -> bool:
    """True for an entry with names of files below the folder of shards: their digests."""
    return isinstance(shard, Mapping) and "file" in shard and all(_FILE.fullmatch(str(name)) for name in names_of(shard))


def names_of(shard: Mapping[str, Any]) -> list[str]:
    """The files of a shard: one, and for decisions `beside` it a second with the columns that a selector chooses."""
    return [shard[key] for key in ("file", "beside") if key in shard]


def _again(folder: Path) -> str:
    """Command that brings the published files of a version back."""
    return f"rollmill dataset checkout {folder.parent.name}@{folder.name}, or rm -r {folder} and run its recipe again"


def require_shard(folder: Path, shard: Mapping[str, Any]) -> None:
    """Raise FoundWanting for a file of a shard with another digest than its name's. An absent one passes."""
    for path in _paths(folder, shard):
        require(path, path.stem, folder.name, _again(folder), most_bytes(shard))


def most_bytes(shard: Mapping[str, Any]) -> int | None:
    """The most bytes that a file of a shard may have, by those of its rows in memory; None for a listing without them."""
    size = shard.get("bytes")
    return 4 * size + _OVERHEAD if type(size) is int else None


def require_readable(folder: Path, shard: Mapping[str, Any]) -> None:
    """Same as `require_shard`, before rows are read: FoundWanting as well for a file that unfolds to too much."""
    require_shard(folder, shard)
    for path in _paths(folder, shard):
        require_small(path, folder.name)


def _paths(folder: Path, shard: Mapping[str, Any]) -> list[Path]:
    return [folder / FOLDER / name for name in names_of(shard)]
