"""datasets/<name>/latest: a link to the newest version that is not yanked, for scripts that read files themselves.

The index is the truth; the link follows it, and neither git nor DVC keeps it. After a clone `dataset path` makes it again.
"""

import os
from pathlib import Path

from storage.dvc import repository
from storage.faults import explained
from storage.versions.index import Index

LINK = "latest"


def point_latest(datasets: Path, index: Index) -> None:
    """Point the link at the newest version whose files are here; take it away where there is none."""
    place = datasets / index.name
    usable = [entry.folder for entry in index.versions if entry.folder not in index.yanked]
    here = [folder for folder in usable if (place / folder).is_dir()]
    link = place / LINK
    if link.exists() and not link.is_symlink():
        return  # somebody's own file of that name
    if not here or here[-1] != usable[-1]:
        link.unlink(missing_ok=True)
        return
    with explained(place):
        if repository(place, ".git") is not None:
            _ignore(place / ".gitignore")
        if link.is_symlink() and str(link.readlink()) == here[-1]:
            return
        temporary = place / f".{LINK}.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(here[-1])
        os.replace(temporary, link)  # noqa: PTH105 - Path.replace would do the same


def _ignore(path: Path) -> None:
    """Keep the link out of git."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if f"/{LINK}" not in text.splitlines():
        path.write_text(f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}/{LINK}\n", encoding="utf-8")
