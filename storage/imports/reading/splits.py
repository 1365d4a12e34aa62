"""Split of a file, from its place in a folder and from its name."""

import json
import re
from collections.abc import Collection
from pathlib import Path

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
    "holdout": ("holdout", "heldout"),
}
_WORDS = re.compile(r"[^a-z0-9]+")
_SHARD = re.compile(r"(?P<split>\w[\w.+-]*?)-\d{5,}-of-\d{5,}")  # as `datasets` names the files of a split
_SUFFIXES = re.compile(r"(\.(jsonl|ndjson|json|parquet|arrow|feather|csv|tsv|gz|zst|bz2|xz))+$", re.IGNORECASE)
_NO_SPLIT = frozenset({"data", "part", "shard", "chunk", "rows", "file"})


def named_splits(path: Path) -> frozenset[str]:
    """The splits that a DatasetDict says it has; each is a folder."""
    try:
        names = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8")).get("splits", [])
    except (OSError, ValueError, AttributeError):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def split_of(file: Path, named: Collection[str] = ()) -> str | None:
    """The split of a file: by its folders, by words in their names and its own, or by the name of its shards."""
    if file.parts[0] in named:
        return file.parts[0]
    for part in (*file.parts[:-1], _SUFFIXES.sub("", file.name)):
        words = _WORDS.split(part.lower())
        split = next((name for name, known in _SPLITS.items() if any(word in known for word in words)), None)
        if split is not None:
            return split
    # NAME-00000-of-00002 has its split in its name, whatever that is called.
    shard = _SHARD.match(file.name)
    return shard["split"] if shard is not None and shard["split"].lower() not in _NO_SPLIT else None
