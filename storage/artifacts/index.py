"""The file index.json of an artifact: its versions with their tags, withdrawals (yanks) and sign-offs.

The file is tracked by git and authoritative. It holds no files of a version. Each version is an entry with one value per
line: if two clones both add a version, git reports a conflict in these lines. A copy of each manifest lies beside it in
manifests/, so that versions can be listed and shown in a clone that has not fetched them.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from rollmill.ground.errors import SetupError, permission_error
from rollmill.ground.files import json_text, parse_object, read_utf8, write_text

INDEX_SCHEMA = 1
LINK = "latest"
"""What stands after the @ for the newest version."""
_HASH = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""Names of datasets and models. A folder with any other name is none: commands that a person copies name them."""


@dataclass(frozen=True)
class ArtifactEntry:
    """A version in the index, with its number and the hash of its content."""

    number: int
    content_hash: str

    @property
    def folder(self) -> str:
        """The name of the version's folder: number and the first eight digits of its content hash."""
        return f"v{self.number}-{self.content_hash[:8]}"


@dataclass(frozen=True)
class SignOff:
    """A person's approval of one version."""

    folder: str
    by: str
    at: str
    note: str = ""


E = TypeVar("E", bound=ArtifactEntry)


@dataclass(frozen=True)
class Index(Generic[E]):
    """The versions of one artifact, oldest first, with tags (name -> folder) and yanks (folder -> reason)."""

    name: str
    versions: tuple[E, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    yanked: Mapping[str, str] = field(default_factory=dict)
    signoffs: tuple[SignOff, ...] = ()

    @property
    def newest(self) -> E | None:
        """The version with the highest number, yanked or not."""
        return self.versions[-1] if self.versions else None

    @property
    def usable(self) -> list[E]:
        """The versions that are not yanked."""
        return [entry for entry in self.versions if entry.folder not in self.yanked]

    def next_number(self) -> int:
        """The number of the next version: that of a yanked one is never given twice."""
        return self.newest.number + 1 if self.newest else 1

    def with_version(self, entry: E) -> "Index[E]":
        """The index with one more version; unchanged if it has that folder already."""
        if any(known.folder == entry.folder for known in self.versions):
            return self
        return replace(self, versions=tuple(sorted((*self.versions, entry), key=lambda known: known.number)))


def index_path(root: Path, name: str) -> Path:
    """Path of the index of an artifact in the folder of its kind."""
    return root / name / "index.json"


def manifest_copy(root: Path, name: str, folder: str) -> Path:
    """Path of the git-tracked copy of a version's manifest."""
    return root / name / "manifests" / f"{folder}.json"


def artifact_names(root: Path) -> list[str]:
    """The artifacts with an index, sorted."""
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        raise permission_error(str(root))  # a glob would find nothing
    return sorted(path.parent.name for path in root.glob("*/index.json") if NAME.fullmatch(path.parent.name))


@dataclass(frozen=True)
class IndexFormat(Generic[E]):
    """The form of the index of one kind. `noun`: the kind as commands name it. `schema_key`: key of the schema's number.
    `optional`: keys that are left out where they are empty.
    """

    noun: str
    schema_key: str
    entry: type[E]
    optional: tuple[str, ...] = ()

    def load(self, root: Path, name: str) -> Index[E]:
        """The index of an artifact; an empty one if it has no version yet. SetupError if the file cannot be read."""
        path = index_path(root, name)
        if not path.exists():
            return Index(name)
        return self.parse(read_utf8(path, next_command=self.restoring(path)), path)

    def save(self, root: Path, index: Index[E]) -> None:
        """Write an index atomically."""
        write_text(index_path(root, index.name), self.text(index))

    def text(self, index: Index[E]) -> str:
        """The text of index.json."""
        content = {key: value for key, value in asdict(index).items() if value or key not in self.optional}
        return json_text({self.schema_key: INDEX_SCHEMA, **content})

    def parse(self, text: str, path: Path) -> Index[E]:
        """An index from its text; errors name `path`."""
        # Before the text is parsed: conflict marks would only be reported as invalid JSON.
        if "<<<<<<< " in text:
            raise SetupError(
                f"{path} holds a git conflict: two clones made a version of the same number.",
                next_command=f"rollmill {self.noun} rebase {path.parent.name}",
            )
        value = parse_object(text, path, next_command=self.restoring(path))
        schema = value.get(self.schema_key)
        if schema is None:
            raise SetupError(f"{path} is not an index of versions.", next_command=self.restoring(path))
        if schema != INDEX_SCHEMA:
            raise SetupError(
                f"{path} has {self.schema_key} {schema!r}; this Rollmill reads {INDEX_SCHEMA}.",
                next_command="update the checkout",
            )
        try:
            return self._checked({**dict.fromkeys(self.optional, ()), **value}, path)
        except (KeyError, TypeError, ValueError) as error:
            raise SetupError(
                f"{path} is not an index of versions ({type(error).__name__}: {error}).",
                next_command=self.restoring(path),
            ) from error

    def _checked(self, value: Mapping[str, Any], path: Path) -> Index[E]:
        if not (isinstance(value["tags"], dict) and isinstance(value["yanked"], dict)):
            raise TypeError("tags and yanked are not objects")
        index = Index(
            name=value["name"],
            versions=tuple(self.entry(**entry) for entry in value["versions"]),
            tags=value["tags"],
            yanked=value["yanked"],
            signoffs=tuple(SignOff(**item) for item in value["signoffs"]),
        )
        check_names(path, index.name, [(entry.number, entry.content_hash) for entry in index.versions])
        _check_texts([*index.tags.items(), *index.yanked.items(), *(vars(word).items() for word in index.signoffs)])
        return index

    def restoring(self, path: Path) -> str:
        """The commands that restore a damaged index or manifest copy: from git, or from the versions."""
        return f"git checkout -- {path}, or remove it and rollmill {self.noun} rebuild-index {path.parent.name}"


def check_names(path: Path, name: object, versions: Sequence[tuple[object, object]]) -> None:
    """ValueError for a name, number or hash that would lead out of the folder of an index at `path`."""
    if name != path.parent.name:
        raise ValueError(f"its name is {str(name)[:80]!r}, that of its folder {path.parent.name!r}")
    for number, content in versions:
        if type(number) is not int or not 0 < number < 10**9:
            raise ValueError(f"a version has the number {str(number)[:80]!r}")
        if not isinstance(content, str) or not _HASH.fullmatch(content):
            raise ValueError(f"version {number} has the content hash {str(content)[:80]!r}")


def _check_texts(pairs: Iterable[Iterable[object]]) -> None:
    """TypeError for a mark (tag, yank, sign-off) that is no text."""
    if odd := [value for pair in pairs for value in pair if not isinstance(value, str | tuple)]:
        raise TypeError(f"a mark is {str(odd[0])[:80]!r}")
