"""Names of the files in a version's folder.

`shards/` has the rows and shards.json lists them. Derived files are local copies of these rows for other programs:
dataset.duckdb and kept*.parquet.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch

LISTING = "shards.json"
FOLDER = "shards"
DATABASE = "dataset.duckdb"
KEPT_FILES = "kept*.parquet"
_MOST_SPLITS = 20  # more values of `split` are taken for something else


def kept_files(splits: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The values of `split` in each split of the kept rows, by its name; `splits`: kept rows by value, as in manifests."""
    groups: dict[str, tuple[str, ...]] = {}
    for value in sorted(splits):
        name = re.sub(r"\W", "_", value, flags=re.ASCII)[:64] or "train"
        groups[name] = (*groups.get(name, ()), value)
    return groups if 0 < len(groups) <= _MOST_SPLITS else {"train": tuple(sorted(splits))}


def kept_file(split: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Name of the file of one of these splits."""
    return "kept.parquet" if len(groups) == 1 else f"kept-{split}.parquet"


def derived(names: Iterable[str]) -> set[str]:
    """The derived ones among the names of a version's files; the database of an older version holds its rows."""
    known = set(names)
    return {name for name in known if name == DATABASE or fnmatch(name, KEPT_FILES)} if LISTING in known else set()
