"""Settling an index.json in which two clones made a version of the same number: one side's get the next free numbers.

Both sides are read from the conflict that git left in the file. The side that others have keeps its numbers. A conflict
that a person settled may have left a version out of the index or two under one number: that is put right too. Content
hashes stay, and with them every parent: only numbers, folder names, DVC pointers, tags, yanks and sign-offs that name a
folder change. The index is written last, so a rebase is simply run again after a kill. Runs no git.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Literal

from storage import dvc
from storage.errors import SetupError
from storage.files import locked, read_utf8, write_text
from storage.versions.index import Entry, Index, index_path, manifest_copy, parse_index, point_latest, restoring, save_index
from storage.versions.ledger import reindex
from storage.versions.publish import lock_path
from storage.versions.read import is_whole
from storage.versions.repair import listed_again
from storage.versions.resolve import unlisted, version_info
from storage.workspace import Workspace

Side = Literal["ours", "theirs"]
_MARKERS = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")
_REBASING = ("rebase-merge", "rebase-apply")  # in .git while commits are put onto others
_REPLAYING = (*_REBASING, "CHERRY_PICK_HEAD", "REVERT_HEAD")
_STASHED = "<<<<<<< Updated upstream"  # how git marks what a stash is put onto


@dataclass(frozen=True)
class Rebase:
    """Which folder got which new name, which folder keeps a tag that both sides gave, and the git commands that go on.

    `git_add` settles the conflict for git, `git_next` ends what it was in the middle of (None outside of git).
    """

    renamed: Mapping[str, str]
    tags_kept: Mapping[str, str]
    git_add: str | None
    git_next: str | None


def rebase(ws: Workspace, name: str, *, keep: Side | None = None) -> Rebase:
    """Keep one side's numbers and renumber the other's new versions.

    By default the side that others have keeps them: what is merged in, or what git puts our commits onto. A version that
    has its manifest here and no place in the index gets one.
    """
    path = index_path(ws.datasets, name)
    if not path.exists():
        raise SetupError(f"no dataset {name!r} here ({path} is missing).", next_command="rollmill dataset list")
    with locked(lock_path(ws, name)):
        text = read_utf8(path, next_command=restoring(path))
        ours, theirs = (parse_index(side, path) for side in sides(text))
        kept, moved = (ours, theirs) if (keep or _shared_side(path, text)) == "ours" else (theirs, ours)
        merged, renamed = merge(kept, moved)
        forgotten = [folder for folder in unlisted(ws.datasets, merged) if folder not in renamed]
        merged, again = complete(merged, listed_again(ws, name, forgotten))
        renamed = {**renamed, **again}
        # From the highest number down: a version's new name may be the old one of another, which has to go first.
        for old, new in reversed(renamed.items()):
            _rename(ws.datasets, merged, old, new)
        _settle_gitignore(ws.datasets / name / ".gitignore", renamed)
        save_index(ws.datasets, merged)
        point_latest(ws.datasets, merged)
    reindex(ws)
    both = {tag: merged.tags[tag] for tag, folder in moved.tags.items() if merged.tags[tag] != renamed.get(folder, folder)}
    # Where DVC tracks the rows they are ignored by git, so the whole folder may be added, pointers that went included.
    tracked = any(path.parent.glob("*.dvc"))
    added = dvc.git_add_line([path.parent] if tracked else [path, path.parent / "manifests"])
    return Rebase(renamed, both, added, added and _git_next(path))


def merge(kept: Index, moved: Index) -> tuple[Index, dict[str, str]]:
    """One index with the versions of both, and old -> new folder names of the moved ones.

    A moved version that the kept side has under another number, from an earlier rebase, is the same one.
    """
    known = {_unnumbered(entry): entry.folder for entry in kept.versions}
    folders = {entry.folder for entry in kept.versions}
    renamed: dict[str, str] = {}
    versions = list(kept.versions)
    for entry in moved.versions:
        if entry.folder in folders:
            continue
        if (same := known.get(_unnumbered(entry))) is None:
            versions.append(replace(entry, number=versions[-1].number + 1 if versions else 1))
        renamed[entry.folder] = same or versions[-1].folder
    joined = _under_new_names(moved, renamed)
    merged = Index(
        name=kept.name,
        versions=tuple(sorted(versions, key=attrgetter("number"))),
        tags={**joined.tags, **kept.tags},
        yanked={**joined.yanked, **kept.yanked},
        signoffs=(*kept.signoffs, *(word for word in joined.signoffs if word not in kept.signoffs)),
    )
    return merged, {old: new for old, new in renamed.items() if old != new}


def complete(index: Index, forgotten: list[Entry]) -> tuple[Index, dict[str, str]]:
    """The index with these versions too and no number twice, and old -> new folder names; of equals the oldest stays."""
    free = max([entry.number for entry in (*index.versions, *forgotten)], default=0) + 1
    versions: dict[int, Entry] = {}
    renamed: dict[str, str] = {}
    for entry in (*sorted(index.versions, key=attrgetter("number", "created_at")), *forgotten):
        number = entry.number
        if number in versions:
            number, free = free, free + 1
        versions[number] = replace(entry, number=number)
        if number != entry.number:
            renamed[entry.folder] = versions[number].folder
    ordered = tuple(versions[number] for number in sorted(versions))
    return replace(_under_new_names(index, renamed), versions=ordered), renamed


def sides(text: str) -> tuple[str, str]:
    """The two texts (ours, theirs) that a git conflict mixes; twice the same text where there is none."""
    ours: list[str] = []
    theirs: list[str] = []
    current: tuple[list[str], ...] = (ours, theirs)
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            current = (ours,)
        # The common ancestor, which git adds in the conflict styles diff3 and zdiff3.
        elif line.startswith("||||||| "):
            current = ()
        elif line.rstrip("\n") == "=======":
            current = (theirs,)
        elif line.startswith(">>>>>>> "):
            current = (ours, theirs)
        else:
            for side in current:
                side.append(line)
    return "".join(ours), "".join(theirs)


def _shared_side(path: Path, text: str) -> Side:
    """The side of a conflict that others have, in git's words.

    A merge brings theirs into ours. A git rebase, a cherry-pick or a stash puts what is ours, and what git then calls
    theirs, onto what it calls ours.
    """
    place = _git_folder(path)
    replaying = place is not None and any((place / name).exists() for name in _REPLAYING)
    return "ours" if replaying or _STASHED in text else "theirs"


def _git_next(path: Path) -> str:
    """What ends that in the middle of which git is."""
    place = _git_folder(path)
    if place is not None and any((place / name).exists() for name in _REBASING):
        return "git rebase --continue"
    return "git commit"


def _git_folder(path: Path) -> Path | None:
    """Where git keeps its state of the repository of a file; a worktree has a file that names the place."""
    root = dvc.repository(path.parent, ".git")
    if root is None:
        return None
    place = root / ".git"
    return root / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip() if place.is_file() else place


def _unnumbered(entry: Entry) -> Entry:
    """All that an index says of a version but its number."""
    return replace(entry, number=0)


def _under_new_names(index: Index, renamed: Mapping[str, str]) -> Index:
    """An index whose tags, yanks and sign-offs name the new folders."""
    return replace(
        index,
        tags={tag: renamed.get(folder, folder) for tag, folder in index.tags.items()},
        yanked={renamed.get(folder, folder): reason for folder, reason in index.yanked.items()},
        signoffs=tuple(replace(word, folder=renamed.get(word.folder, word.folder)) for word in index.signoffs),
    )


def _rename(datasets: Path, merged: Index, old: str, new: str) -> None:
    folder = datasets / merged.name
    pairs = [
        (folder / old, folder / new),
        (manifest_copy(datasets, merged.name, old), manifest_copy(datasets, merged.name, new)),
        (folder / f"{old}.dvc", folder / f"{new}.dvc"),
    ]
    for source, target in pairs:
        # Some have their new name already where a rebase was killed and is run again.
        if source.exists() and not target.exists():
            source.rename(target)
    pointer = folder / f"{new}.dvc"
    if pointer.exists():  # the pointer names its folder; the content it points to is the same
        write_text(pointer, pointer.read_text(encoding="utf-8").replace(f"path: {old}\n", f"path: {new}\n"))
    if old in {entry.folder for entry in merged.versions}:  # the new name of another, which a killed rebase moved there
        return
    # What an earlier rebase renamed may be here under both names: the same content, of which one is enough.
    for source in (pairs[1][0], pairs[2][0]):
        source.unlink(missing_ok=True)
    [entry] = [entry for entry in merged.versions if entry.folder == new]
    if (folder / old).is_dir() and is_whole(version_info(datasets, merged, entry)):
        shutil.rmtree(folder / old)


def _settle_gitignore(path: Path, renamed: Mapping[str, str]) -> None:
    """DVC lists every tracked folder there, so it conflicts with the index: keep each line once, under its new name."""
    if not path.exists():
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(_MARKERS)]
    # A folder of the kept side may bear the number that a moved one gave up, but never its name: names hold the hash.
    names = dict.fromkeys(f"/{renamed.get(line[1:], line[1:])}" if line.startswith("/") else line for line in lines)
    write_text(path, "\n".join(names) + "\n")
