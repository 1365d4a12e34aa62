"""Repair of an index.json in which two clones made a version of the same number: one side gets the next free numbers.

Both sides are read from the conflict that git left in the file. The shared side keeps its numbers. A conflict settled by
hand may have left a version out of the index or two under one number: that is repaired too. Content hashes stay, and with
them every parent: only numbers, folder names, DVC pointers, and the tags, yanks and sign-offs of a folder change. The index
is written last, so after a kill the rebase is simply run again. Runs no git.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rollmill.ground.errors import SetupError
from rollmill.ground.files import locked, read_utf8, write_text
from rollmill.storage import dvc
from rollmill.storage.artifacts.index import Index, index_path, manifest_copy
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.artifacts.references import E, V, unlisted
from rollmill.storage.artifacts.repair import listed_again

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

Side = Literal["ours", "theirs"]
_MARKERS = ("<<<<<<< ", "||||||| ", "=======", ">>>>>>> ")
_REBASING = ("rebase-merge", "rebase-apply")  # in .git while git rebases commits
_REPLAYING = (*_REBASING, "CHERRY_PICK_HEAD", "REVERT_HEAD")
_STASHED = "<<<<<<< Updated upstream"  # git's name for the side under a stash


@dataclass(frozen=True)
class Rebase:
    """Result of a rebase: the renamed folders, the folder that keeps a tag given by both sides, and the next git commands.

    `git_add` settles the conflict for git, `git_next` ends git's operation in progress (None outside of git).
    """

    renamed: Mapping[str, str]
    tags_kept: Mapping[str, str]
    git_add: str | None
    git_next: str | None


def rebase(kind: ArtifactKind[E, V], ws: "Workspace", name: str, *, keep: Side | None = None) -> Rebase:
    """Keep one side's numbers and renumber the other's new versions.

    By default the shared side keeps them: the merged-in side, or the side that git rebases our commits onto. A version with
    a local manifest and no place in the index gets one.
    """
    root = kind.root(ws)
    path = index_path(root, name)
    if not path.exists():
        raise SetupError(f"no {kind.noun} {name!r} here ({path} is missing).", next_command=f"rollmill {kind.noun} list")
    with locked(kind.lock(ws, name)):
        text = read_utf8(path, next_command=kind.format.restoring(path))
        ours, theirs = (kind.format.parse(side, path) for side in sides(text))
        kept, moved = (ours, theirs) if (keep or _shared_side(path, text)) == "ours" else (theirs, ours)
        merged, renamed = merge(kept, moved)
        forgotten = [folder for folder in unlisted(root, merged) if folder not in renamed]
        merged, again = complete(merged, listed_again(kind, ws, name, forgotten))
        renamed = {**renamed, **again}
        versions = {entry.folder: kind.of_entry(root, merged, entry) for entry in merged.versions}
        # From the highest number down: a version's new name may be the old one of another, which has to move first.
        for old, new in reversed(renamed.items()):
            _rename(kind, versions, old, new)
        _settle_gitignore(root / name / ".gitignore", renamed)
        kind.format.save(root, merged)
        kind.saved(root, merged)
        for folder in renamed.values():
            if kind.is_whole(versions[folder]):
                kind.placed(versions[folder], again=False)
    kind.reindex(ws)
    both = {tag: merged.tags[tag] for tag, folder in moved.tags.items() if merged.tags[tag] != renamed.get(folder, folder)}
    # Git ignores files tracked by DVC, so the whole folder may be added, removed pointers included.
    tracked = any(path.parent.glob("*.dvc"))
    added = dvc.git_add_line([path.parent] if tracked else [path, path.parent / "manifests"])
    return Rebase(renamed, both, added, added and _git_next(path))


def merge(kept: Index[E], moved: Index[E]) -> tuple[Index[E], dict[str, str]]:
    """Index with the versions of both sides, and old -> new folder names of the moved ones.

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
    # Git may have merged a mark of a moved version into the kept side as well, under the version's old name.
    kept = _under_new_names(kept, renamed)
    merged = Index(
        name=kept.name,
        versions=tuple(sorted(versions, key=attrgetter("number"))),
        tags={**joined.tags, **kept.tags},
        yanked={**joined.yanked, **kept.yanked},
        signoffs=(*kept.signoffs, *(word for word in joined.signoffs if word not in kept.signoffs)),
    )
    return merged, {old: new for old, new in renamed.items() if old != new}


def complete(index: Index[E], forgotten: list[E]) -> tuple[Index[E], dict[str, str]]:
    """The index with these versions added and no number twice, and old -> new folder names; of equals the oldest stays."""
    free = max([entry.number for entry in (*index.versions, *forgotten)], default=0) + 1
    versions: dict[int, E] = {}
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
    """The two texts (ours, theirs) in a git conflict; twice the same text without a conflict."""
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
    """The shared side of a conflict, in git's words.

    A merge brings theirs into ours. A git rebase, a cherry-pick or a stash applies our changes, which git then calls
    theirs, to the side that it calls ours.
    """
    place = _git_folder(path)
    replaying = place is not None and any((place / name).exists() for name in _REPLAYING)
    return "ours" if replaying or _STASHED in text else "theirs"


def _git_next(path: Path) -> str:
    """Git command that ends the operation in progress."""
    place = _git_folder(path)
    if place is not None and any((place / name).exists() for name in _REBASING):
        return "git rebase --continue"
    return "git commit"


def _git_folder(path: Path) -> Path | None:
    """The .git folder of a file's repository; a worktree has a file with the path of that folder."""
    root = dvc.repository(path.parent, ".git")
    if root is None:
        return None
    place = root / ".git"
    return root / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip() if place.is_file() else place


def _unnumbered(entry: E) -> E:
    """An index entry without its number."""
    return replace(entry, number=0)


def _under_new_names(index: Index[E], renamed: Mapping[str, str]) -> Index[E]:
    """An index whose tags, yanks and sign-offs name the new folders."""
    return replace(
        index,
        tags={tag: renamed.get(folder, folder) for tag, folder in index.tags.items()},
        yanked={renamed.get(folder, folder): reason for folder, reason in index.yanked.items()},
        signoffs=tuple(replace(word, folder=renamed.get(word.folder, word.folder)) for word in index.signoffs),
    )


def _rename(kind: ArtifactKind[E, V], versions: Mapping[str, V], old: str, new: str) -> None:
    """Move the files of a version to its new name. `versions`: those of the settled index, by folder."""
    version = versions[new]
    folder = version.path.parent
    copy, pointer = manifest_copy(version.root, version.name, old), folder / f"{old}.dvc"
    pairs = [(folder / old, version.path), (copy, version.manifest_copy), (pointer, version.pointer)]
    for source, target in pairs:
        # Some have their new name already if a killed rebase is run again.
        if source.exists() and not target.exists():
            source.rename(target)
    if version.pointer.exists():  # the pointer names its folder; its content is the same
        text = version.pointer.read_text(encoding="utf-8")
        write_text(version.pointer, text.replace(f"path: {old}\n", f"path: {new}\n"))
    if old in versions:  # the new name of another, which a killed rebase moved there
        return
    # A folder renamed by an earlier rebase may be here under both names: the content is the same, and one is enough.
    for source in (copy, pointer):
        source.unlink(missing_ok=True)
    if (folder / old).is_dir() and kind.is_whole(version):
        shutil.rmtree(folder / old)


def _settle_gitignore(path: Path, renamed: Mapping[str, str]) -> None:
    """Keep each line of .gitignore once, under its new name. DVC lists every tracked folder there, so it conflicts with the
    index."""
    if not path.exists():
        return
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(_MARKERS)]
    # A folder of the kept side may have the number that a moved one gave up, but never its name: names contain the hash.
    names = dict.fromkeys(f"/{renamed.get(line[1:], line[1:])}" if line.startswith("/") else line for line in lines)
    write_text(path, "\n".join(names) + "\n")
