"""A dataset that lost its index.json while version folders, manifests or DVC pointers are still there. Reads names only.

Publishing into it would begin again at v1 and give two contents one number, so every look at it says what to do instead.
"""

import re
from pathlib import Path

from storage.errors import SetupError
from storage.versions.index import index_path

_FOLDER = re.compile(r"v[1-9]\d*-[0-9a-f]{8}$")


def remains(datasets: Path, name: str) -> list[str]:
    """The version folders that files of a dataset name, by number."""
    folder = datasets / name
    names = {path.name for path in folder.glob("v*-*") if path.is_dir()}
    names |= {path.stem for path in (*folder.glob("v*-*.dvc"), *folder.glob("manifests/v*-*.json"))}
    return sorted((found for found in names if _FOLDER.match(found)), key=lambda found: int(found[1:].split("-")[0]))


def lost_indexes(datasets: Path) -> list[str]:
    """The datasets that have remains and no index.json."""
    folders = (path for path in datasets.glob("*") if path.is_dir() and not index_path(datasets, path.name).exists())
    return sorted(path.name for path in folders if remains(datasets, path.name))


def refuse_lost_index(datasets: Path, name: str, *, but: str | None = None) -> None:
    """SetupError where a dataset has versions (other than the folder `but`) and no index.json."""
    path = index_path(datasets, name)
    found = [] if path.exists() else [folder for folder in remains(datasets, name) if folder != but]
    if found:
        raise SetupError(
            f"{path} is missing, though {len(found)} versions of {name} are here ({found[0]} to {found[-1]}).",
            next_command=f"git checkout -- {path}, or rollmill dataset rebuild-index {name}",
        )
