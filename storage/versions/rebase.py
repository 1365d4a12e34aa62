"""Two clones made a version of the same number: give one side's versions the next free numbers. Never runs git.

Both sides are read from the conflict that git left in index.json. Content hashes stay, and with them every parent: only
numbers, folder names, DVC pointers, tags, yanks and sign-offs that name a folder change. The index is written last, so a
rebase that was killed is simply run again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from storage import dvc
from storage.errors import SetupError
from storage.json_files import read_utf8
from storage.versions.durable import locked, write_text
from storage.versions.index import Entry, Index, index_path, manifest_copy, parse_index, point_latest, restoring, save_index
from storage.versions.ledger import reindex
from storage.versions.publish import lock_path
from storage.workspace import Workspace

Side = Literal["ours", "theirs"]
_MARKERS = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")


@dataclass(frozen=True)
class Rebased:
    """Which folder got which new name, and the `git add` line that settles the conflict (None outside of git)."""

    renamed: Mapping[str, str]
    git_add: str | None


def rebase(ws: Workspace, name: str, *, keep: Side = "theirs") -> Rebased:
    """Keep one side's numbers (by default those of the clone that was merged in) and renumber the other's new versions."""
    path = index_path(ws.datasets, name)
    if not path.exists():
        raise SetupError(f"no dataset {name!r} here ({path} is missing).", next_command="rollmill dataset list")
    with locked(lock_path(ws, name)):
        ours, theirs = (parse_index(text, path) for text in sides(read_utf8(path, next_command=restoring(path))))
        kept, moved = (theirs, ours) if keep == "theirs" else (ours, theirs)
        merged, renamed = merge(kept, moved)
        for old, new in renamed.items():
            _rename(ws.datasets, name, old, new)
        _settle_gitignore(ws.datasets / name / ".gitignore", renamed)
        save_index(ws.datasets, merged)
        point_latest(ws.datasets, merged)
    reindex(ws)
    return Rebased(renamed, dvc.git_add_line(_to_add(path.parent)))


def merge(kept: Index, moved: Index) -> tuple[Index, dict[str, str]]:
    """One index with the versions of both, and old -> new folder names of the moved ones."""
    held = {entry.folder for entry in kept.versions}
    next_number, renamed, versions = kept.next_number(), {}, list(kept.versions)
    for entry in moved.versions:
        if entry.folder not in held:
            renumbered = replace(entry, number=next_number)
            renamed[entry.folder] = renumbered.folder
            versions.append(renumbered)
            next_number += 1
    signoffs = [replace(one, folder=renamed.get(one.folder, one.folder)) for one in moved.signoffs]
    merged = Index(
        name=kept.name,
        versions=tuple(sorted(versions, key=_number)),
        tags={**{tag: renamed.get(folder, folder) for tag, folder in moved.tags.items()}, **kept.tags},
        yanked={**{renamed.get(folder, folder): reason for folder, reason in moved.yanked.items()}, **kept.yanked},
        signoffs=(*kept.signoffs, *(one for one in signoffs if one not in kept.signoffs)),
    )
    return merged, {old: new for old, new in renamed.items() if old != new}


def sides(text: str) -> tuple[str, str]:
    """The two texts (ours, theirs) that a git conflict mixes; twice the same text where there is none."""
    ours: list[str] = []
    theirs: list[str] = []
    now: tuple[list[str], ...] = (ours, theirs)
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            now = (ours,)
        elif line.startswith("||||||| "):
            now = ()
        elif line.rstrip("\n") == "=======":
            now = (theirs,)
        elif line.startswith(">>>>>>> "):
            now = (ours, theirs)
        else:
            for side in now:
                side.append(line)
    return "".join(ours), "".join(theirs)


def _to_add(folder: Path) -> list[Path]:
    """Where DVC tracks the rows they are ignored by git, so the whole folder may be added, pointers that went included."""
    return [folder] if any(folder.glob("*.dvc")) else [folder / "index.json", folder / "manifests"]


def _number(entry: Entry) -> int:
    return entry.number


def _rename(datasets: Path, name: str, old: str, new: str) -> None:
    folder = datasets / name
    pairs = [
        (folder / old, folder / new),
        (manifest_copy(datasets, name, old), manifest_copy(datasets, name, new)),
        (folder / f"{old}.dvc", folder / f"{new}.dvc"),
    ]
    for source, target in pairs:
        if source.exists() and not target.exists():
            source.rename(target)
    pointer = folder / f"{new}.dvc"
    if pointer.exists():  # the pointer names its folder; the content it points to is the same
        write_text(pointer, pointer.read_text(encoding="utf-8").replace(f"path: {old}\n", f"path: {new}\n"))


def _settle_gitignore(path: Path, renamed: Mapping[str, str]) -> None:
    """DVC lists every tracked folder there, so it conflicts with the index: keep each line once, under its new name."""
    if not path.exists():
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(_MARKERS)]
    # A folder of the kept side may bear the number that a moved one gave up, but never its name: names hold the hash.
    names = dict.fromkeys(f"/{renamed.get(line[1:], line[1:])}" if line.startswith("/") else line for line in lines)
    write_text(path, "\n".join(names) + "\n")
