"""Resolves a reference (`arithmetic`, `arithmetic@v2`, `@3f9a0c1d`, `@tag`) to one version. Reads the index only.

A bare name (or NAME@latest) means the newest version that is not yanked; a yanked one can still be named explicitly.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import LONGEST_NAME, SetupError, unknown_name
from rollmill.storage.versions.index import LINK, NAME, Entry, Index, SignOff, dataset_names, index_path, load_index

_NUMBER = re.compile(r"v([0-9]{1,9})(?:-([0-9a-f]{8}))?")
_HASH = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True)
class VersionInfo(Entry):
    """A version: its entry in the index, and the folder of its files, which may be missing. `rows` counts rollouts."""

    name: str
    path: Path
    tags: tuple[str, ...]
    yanked: str | None
    signoffs: tuple[SignOff, ...]

    @property
    def ref(self) -> str:
        """Reference of the version, `arithmetic@v3`."""
        return f"{self.name}@v{self.number}"

    @property
    def fetched(self) -> bool:
        """True if its rows are in this clone."""
        return (self.path / "manifest.json").exists()


def version_info(datasets: Path, index: Index, entry: Entry) -> VersionInfo:
    """An index entry with its dataset, place, tags, yank and sign-offs."""
    return VersionInfo(
        **vars(entry),
        name=index.name,
        path=datasets / index.name / entry.folder,
        tags=tuple(sorted(tag for tag, folder in index.tags.items() if folder == entry.folder)),
        yanked=index.yanked.get(entry.folder),
        signoffs=tuple(word for word in index.signoffs if word.folder == entry.folder),
    )


def versions(datasets: Path, name: str) -> list[VersionInfo]:
    """Every version of a dataset, oldest first."""
    index = _known_index(datasets, name)
    return [version_info(datasets, index, entry) for entry in index.versions]


def resolve(datasets: Path, reference: str) -> VersionInfo:
    """Version of a reference; SetupError with the choices if there is none or more than one."""
    name, at, wanted = reference.partition("@")
    index = _known_index(datasets, name)
    if at and (wanted != LINK or wanted in index.tags):
        return version_info(datasets, index, _find(index, wanted))
    usable = [entry for entry in index.versions if entry.folder not in index.yanked]
    if not usable:
        raise SetupError(f"every version of {index.name} is yanked; name one explicitly.", choices=_choices(index))
    return version_info(datasets, index, usable[-1])


def _known_index(datasets: Path, name: str) -> Index:
    known = dataset_names(datasets)
    # Before the names are compared: a dataset that lost its index would be called unknown.
    if len(name) <= LONGEST_NAME:  # longer than any folder's digits
        refuse_lost_index(datasets, name)
    if not known:
        shown = name[:LONGEST_NAME]
        raise SetupError(f"no dataset {shown!r}: none is published yet.", next_command="rollmill curate RECIPE")
    if name not in known:
        raise unknown_name("dataset", name, known, next_command="rollmill dataset list")
    return load_index(datasets, name)


def _find(index: Index, wanted: str) -> Entry:
    if wanted in index.tags:
        matches = [entry for entry in index.versions if entry.folder == index.tags[wanted]]
    elif number := _NUMBER.fullmatch(wanted):
        matches = [
            entry
            for entry in index.versions
            if entry.number == int(number[1]) and entry.content_hash.startswith(number[2] or "")
        ]
    elif _HASH.fullmatch(wanted):
        # A recipe restored to an earlier state republishes its content: the newest of equals is meant.
        matches = [entry for entry in index.versions if entry.content_hash.startswith(wanted)]
        matches = matches[-1:] if len({entry.content_hash for entry in matches}) == 1 else matches
    else:
        matches = []
    if len(matches) != 1:
        twice = len(matches) > len({entry.number for entry in matches})  # for example after a conflict settled by hand
        what = "no version" if not matches else f"{len(matches)} versions"
        raise SetupError(
            f"{index.name} has {what} called {wanted!r}.",
            choices=_choices(index),
            next_command=f"rollmill dataset {'rebase' if twice else 'show'} {index.name}",
        )
    return matches[0]


def _choices(index: Index) -> list[str]:
    return [*(f"v{entry.number} ({entry.content_hash[:8]})" for entry in index.versions), *sorted(index.tags)]


_FOLDER = re.compile(r"v[1-9][0-9]*-[0-9a-f]{8}")


def remains(datasets: Path, dataset: str) -> list[str]:
    """The version folders named by files of a dataset, by number."""
    folder = datasets / dataset
    names = {path.name for path in folder.glob("v*-*") if path.is_dir()}
    # In a clone without rows the pointer and the manifest are all there is of a version.
    names |= {path.stem for path in (*folder.glob("v*-*.dvc"), *folder.glob("manifests/v*-*.json"))}
    return sorted(filter(_FOLDER.fullmatch, names), key=_number)


def _number(folder: str) -> int:
    return int(folder[1:].partition("-")[0])


def unlisted(datasets: Path, index: Index) -> list[str]:
    """The version folders with manifests in git that an index does not list, by number."""
    listed = {entry.folder for entry in index.versions}
    copies = {path.stem for path in (datasets / index.name).glob("manifests/v*-*.json")}
    return sorted(filter(_FOLDER.fullmatch, copies - listed), key=_number)


def refuse_unsettled(datasets: Path, name: str) -> None:
    """SetupError if the index of a dataset lacks a local version or has a number twice.

    That is the state after a conflict was settled by hand, with one side taken whole.
    """
    index = load_index(datasets, name)
    numbers = [entry.number for entry in index.versions]
    # Manifests travel with git beside the index, so they show what a conflict took out of it.
    if folders := unlisted(datasets, index):
        what = f"does not list {', '.join(folders)}, whose manifests are here"
    elif twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        what = f"has two versions with the number {twice[0]}"
    else:
        return
    raise SetupError(f"{index_path(datasets, name)} {what}.", next_command=f"rollmill dataset rebase {name}")


def lost_indexes(datasets: Path) -> list[str]:
    """The datasets with remains and no index.json."""
    folders = (path for path in datasets.glob("*") if path.is_dir() and not index_path(datasets, path.name).exists())
    return sorted(path.name for path in folders if NAME.fullmatch(path.name) and remains(datasets, path.name))


def refuse_lost_index(datasets: Path, name: str, *, but: str | None = None) -> None:
    """SetupError for a dataset with versions (other than the folder `but`) and no index.json."""
    path = index_path(datasets, name)
    folders = [] if path.exists() else [folder for folder in remains(datasets, name) if folder != but]
    if folders:
        raise SetupError(
            f"{path} is missing, though {len(folders)} versions of {name} are here ({folders[0]} to {folders[-1]}).",
            next_command=f"git checkout -- {path}, or rollmill dataset rebuild-index {name}",
        )
