"""References to versions of artifacts, resolved by the index alone.

A reference is `arithmetic`, `arithmetic@v2`, `@3f9a0c1d` or `@tag`. A bare name (or NAME@latest) means the newest version
that is not yanked; a yanked one can still be named explicitly.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from rollmill.ground.errors import LONGEST_NAME, SetupError, unknown_name
from rollmill.storage.artifacts.index import (
    LINK,
    NAME,
    ArtifactEntry,
    Index,
    IndexFormat,
    SignOff,
    artifact_names,
    index_path,
    manifest_copy,
)

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

_NUMBER = re.compile(r"v([0-9]{1,9})(?:-([0-9a-f]{8}))?")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_FOLDER = re.compile(r"v[1-9][0-9]*-[0-9a-f]{8}")


@dataclass(frozen=True)
class ArtifactVersion(ArtifactEntry):
    """A version: its entry in the index, the folder of its files, which may be missing, and its marks."""

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
    def pointer(self) -> Path:
        """Path of DVC's pointer to its files."""
        return self.path.with_name(f"{self.folder}.dvc")

    @property
    def root(self) -> Path:
        """Folder of the artifacts of its kind."""
        return self.path.parent.parent

    @property
    def manifest_copy(self) -> Path:
        """Path of the git-tracked copy of its manifest."""
        return manifest_copy(self.root, self.name, self.folder)


E = TypeVar("E", bound=ArtifactEntry)
V = TypeVar("V", bound=ArtifactVersion)


class ArtifactReferences(Generic[E, V]):
    """References to the versions of one kind. `noun`: name of the kind and of its commands. `files`: what versions consist
    of, for people. `maker`: the command that publishes a version. `locks`: what the names of its locks begin with.
    """

    noun: ClassVar[str]
    files: ClassVar[str]
    maker: ClassVar[str]
    locks: ClassVar[str]
    format: IndexFormat[E]
    version: type[V]

    def root(self, ws: "Workspace") -> Path:
        """Folder of the artifacts of this kind in a workspace."""
        return ws.root / f"{self.noun}s"

    def lock(self, ws: "Workspace", name: str) -> Path:
        """The lock held by every writer of an artifact."""
        return ws.state / "locks" / f"{self.locks}-{name}.lock"

    def pulling(self, version: V) -> str:
        """Command that fetches the files of a version."""
        return f"rollmill {self.noun} pull {version.ref}"

    def of_entry(self, root: Path, index: Index[E], entry: E) -> V:
        """An index entry with its name, place, tags, yank and sign-offs."""
        return self.version(
            **vars(entry),
            name=index.name,
            path=root / index.name / entry.folder,
            tags=tuple(sorted(tag for tag, folder in index.tags.items() if folder == entry.folder)),
            yanked=index.yanked.get(entry.folder),
            signoffs=tuple(word for word in index.signoffs if word.folder == entry.folder),
        )

    def versions(self, root: Path, name: str) -> list[V]:
        """Every version of an artifact, oldest first."""
        index = self._known(root, name)
        return [self.of_entry(root, index, entry) for entry in index.versions]

    def every(self, root: Path) -> list[V]:
        """Every version of every artifact of this kind."""
        return [version for name in artifact_names(root) for version in self.versions(root, name)]

    def resolve(self, root: Path, reference: str) -> V:
        """Version of a reference; SetupError with the choices if there is none or more than one."""
        name, at, wanted = reference.removeprefix(f"{self.noun}s/").partition("@")
        index = self._known(root, name)
        # A tag `latest` of an older program comes first.
        if at and (wanted != LINK or wanted in index.tags):
            return self.of_entry(root, index, self._find(index, wanted))
        if not index.usable:
            raise SetupError(f"every version of {index.name} is yanked; name one explicitly.", choices=_choices(index))
        return self.of_entry(root, index, index.usable[-1])

    def _known(self, root: Path, name: str) -> Index[E]:
        known = artifact_names(root)
        # Before the names are compared: an artifact that lost its index would be called unknown.
        if len(name) <= LONGEST_NAME:  # longer than any folder's digits
            self.refuse_lost_index(root, name)
        if not known:
            shown = name[:LONGEST_NAME]
            raise SetupError(f"no {self.noun} {shown!r}: none is published yet.", next_command=self.maker)
        if name not in known:
            raise unknown_name(self.noun, name, known, next_command=f"rollmill {self.noun} list")
        return self.format.load(root, name)

    def _find(self, index: Index[E], wanted: str) -> E:
        matches = [entry for entry in index.versions if _means(index, wanted, entry)]
        # An earlier state that was published again has equal content: the newest of equals is meant.
        if len({entry.content_hash for entry in matches}) == 1:
            return matches[-1]
        twice = len(matches) > len({entry.number for entry in matches})  # for example after a conflict settled by hand
        what = "no version" if not matches else f"{len(matches)} versions"
        raise SetupError(
            f"{index.name} has {what} called {wanted!r}.",
            choices=_choices(index),
            next_command=f"rollmill {self.noun} {'rebase' if twice else 'show'} {index.name}",
        )

    def refuse_unsettled(self, root: Path, name: str) -> None:
        """SetupError if the index of an artifact lacks a local version or has a number twice.

        That is the state after a conflict was settled by hand, with one side taken whole.
        """
        index = self.format.load(root, name)
        numbers = [entry.number for entry in index.versions]
        # Manifests travel with git beside the index, so they show what a conflict took out of it.
        if folders := unlisted(root, index):
            what = f"does not list {', '.join(folders)}, whose manifests are here"
        elif twice := sorted({number for number in numbers if numbers.count(number) > 1}):
            what = f"has two versions with the number {twice[0]}"
        else:
            return
        raise SetupError(f"{index_path(root, name)} {what}.", next_command=f"rollmill {self.noun} rebase {name}")

    def refuse_lost_index(self, root: Path, name: str, *, but: str | None = None) -> None:
        """SetupError for an artifact with versions (other than the folder `but`) and no index.json."""
        path = index_path(root, name)
        folders = [] if path.exists() else [folder for folder in remains(root, name) if folder != but]
        if folders:
            raise SetupError(
                f"{path} is missing, though {len(folders)} versions of {name} are here ({folders[0]} to {folders[-1]}).",
                next_command=f"git checkout -- {path}, or rollmill {self.noun} rebuild-index {name}",
            )


def _means(index: Index[Any], wanted: str, entry: ArtifactEntry) -> bool:
    if wanted in index.tags:
        return entry.folder == index.tags[wanted]
    if number := _NUMBER.fullmatch(wanted):
        return entry.number == int(number[1]) and entry.content_hash.startswith(number[2] or "")
    return bool(_HASH.fullmatch(wanted)) and entry.content_hash.startswith(wanted)


def _choices(index: Index[Any]) -> list[str]:
    return [*(f"v{entry.number} ({entry.content_hash[:8]})" for entry in index.versions), *sorted(index.tags)]


def remains(root: Path, name: str) -> list[str]:
    """The version folders named by files of an artifact, by number."""
    folder = root / name
    names = {path.name for path in folder.glob("v*-*") if path.is_dir()}
    # In a clone without the files the pointer and the manifest are all there is of a version.
    names |= {path.stem for path in (*folder.glob("v*-*.dvc"), *folder.glob("manifests/v*-*.json"))}
    return sorted(filter(_FOLDER.fullmatch, names), key=_number)


def _number(folder: str) -> int:
    return int(folder[1:].partition("-")[0])


def unlisted(root: Path, index: Index[Any]) -> list[str]:
    """The version folders with manifests in git that an index does not list, by number."""
    listed = {entry.folder for entry in index.versions}
    copies = {path.stem for path in (root / index.name).glob("manifests/v*-*.json")}
    return sorted(filter(_FOLDER.fullmatch, copies - listed), key=_number)


def lost_indexes(root: Path) -> list[str]:
    """The artifacts with remains and no index.json."""
    folders = (path for path in root.glob("*") if path.is_dir() and not index_path(root, path.name).exists())
    return sorted(path.name for path in folders if NAME.fullmatch(path.name) and remains(root, path.name))
