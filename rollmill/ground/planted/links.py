"""Links in a workspace that lead out of it: what is written, replaced or removed there is a file of the person's elsewhere.
Pipes and devices in it: a command that opens one waits for ever, or reads without end.

Git carries links, and an archive all of them, so a folder of somebody else may have them where commands write.

Looked for when a workspace is opened. A link that stays inside, such as `latest`, is followed.
"""

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.ground.planted.journals import SUFFIX, refuse_journal

_ALL = 99
# What commands write to, with the levels below it that are looked at.
WRITTEN: Mapping[str, int] = {
    ".gitignore": 0,
    ".dvcignore": 0,
    ".rollmill": _ALL,
    ".rollmill/segments": 2,  # below are thousands of files, each with a name of its own making
    "datasets": 2,  # what is inside a version is looked at before it is written
    "models": 2,
    "reports": _ALL,
    "rewards": 1,
}
MADE_BY_INIT: Mapping[str, int] = {
    "rollmill.toml": 0,
    "dvc.yaml": 0,
    "params.yaml": 0,
    "profiles": 1,
    "recipes": 2,
}
OF_DVC: Mapping[str, int] = {".dvc": 0, ".dvc/tmp": 2}  # its cache may be a link: names there are digests


def refuse_planted(root: Path, written: Mapping[str, int]) -> None:
    """SetupError for a link at or below one of these places that leads out of `root`, for a pipe or a device, and for a
    journal of SQLite that names a file.
    """
    for path in (path for name, levels in written.items() for path in _odd(root / name, levels, root, written)):
        if _never_ends(path):
            raise SetupError(
                f"{path} is a pipe or a device: a command that reads it would wait for ever.",
                next_command=f"rm {shlex.quote(str(path))}",
            )
        if path.is_symlink() and leads_out(path, root):
            raise SetupError(
                f"{path} is a link out of the folder, to {str(path.readlink())[:200]}: what is written there would land "
                "among files of yours.",
                next_command=f"rm {shlex.quote(str(path))}   (a disk of your own: mount it there, or set [segments] url)",
            )


def leads_out(link: Path, root: Path) -> bool:
    """True for a link to a place that is not below a folder, or to none that can be found."""
    try:
        return not link.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a ring of links
        return True


def _never_ends(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _odd(place: Path, levels: int, root: Path, written: Mapping[str, int]) -> Iterator[Path]:
    """Whatever is neither a file nor a folder, at a place and below."""
    if place.is_symlink() or not (place.is_file() or place.is_dir()):
        yield place
    elif levels:
        yield from _below(str(place), levels, root, written)


def _below(folder: str, levels: int, root: Path, written: Mapping[str, int]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not there, no folder, or not readable: nothing is written there either
        return
    for entry in entries:
        if _is_model(entry.path, root):
            continue
        if entry.name.endswith(SUFFIX):
            refuse_journal(Path(entry.path))
        if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
            yield Path(entry.path)
        elif levels > 1 and entry.is_dir():
            own = written.get(os.path.relpath(entry.path, root), levels - 1)
            yield from _below(entry.path, min(own, levels - 1), root, written)


def _is_model(path: str, root: Path) -> bool:
    """True for a plain model folder, which is only read: it, or its weights, may be links into a cache of downloads."""
    if os.path.dirname(path) != str(root / "models"):  # noqa: PTH120 - of a text, for each entry
        return False
    return (Path(path) / "config.json").exists() and not (Path(path) / "index.json").exists()
