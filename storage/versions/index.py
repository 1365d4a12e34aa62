"""The file datasets/<name>/index.json: the versions of a dataset with their tags, withdrawals (yanks) and sign-offs.

The file is tracked by git and authoritative. It holds no rows. Each version is an entry with one value per line: if two
clones both add a version, git reports a conflict in these lines. A copy of each manifest lies beside it in manifests/, so
`dataset list` and `dataset show` work in a clone that has not fetched the rows.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, explained, permission_error
from rollmill.ground.files import ensure_lines, json_text, parse_object, read_utf8, write_text
from rollmill.storage.dvc import repository

INDEX_SCHEMA = 1
_HASH = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""Names of datasets and models. A folder with any other name is none: commands that a person copies name them."""


@dataclass(frozen=True)
class Entry:
    """A version in the index. `parent` is the content hash of the version before it."""

    number: int
    content_hash: str
    kept_hash: str
    scores_hash: str
    recipe_hash: str
    parent: str | None
    created_at: str
    problems: int
    rows: int
    kept: int

    @classmethod
    def of_manifest(cls, number: int, manifest: Mapping[str, Any], created_at: datetime) -> "Entry":
        """The entry for a version's manifest."""
        counts, hashes = manifest["counts"], manifest["hashes"]
        return cls(
            number=number,
            content_hash=hashes["content"],
            kept_hash=hashes["kept"],
            scores_hash=hashes["scores"],
            recipe_hash=str(manifest["recipe_hash"]),
            parent=manifest["parent"],
            created_at=created_at.isoformat(timespec="seconds"),
            problems=counts["problems"],
            rows=counts["rollouts"],
            kept=counts["kept"],
        )

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


@dataclass(frozen=True)
class Index:
    """The versions of one dataset, oldest first, with tags (name -> folder) and yanks (folder -> reason)."""

    name: str
    versions: tuple[Entry, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    yanked: Mapping[str, str] = field(default_factory=dict)
    signoffs: tuple[SignOff, ...] = ()

    @property
    def newest(self) -> Entry | None:
        """The version with the highest number, yanked or not."""
        return self.versions[-1] if self.versions else None

    def next_number(self) -> int:
        """The number of the next version."""
        return self.newest.number + 1 if self.newest else 1

    def with_version(self, entry: Entry) -> "Index":
        """The index with one more version; unchanged if it has that folder already."""
        if any(known.folder == entry.folder for known in self.versions):
            return self
        versions = sorted((*self.versions, entry), key=lambda known: known.number)
        return replace(self, versions=tuple(versions))


def index_path(datasets: Path, name: str) -> Path:
    """Path of a dataset's index."""
    return datasets / name / "index.json"


def manifest_copy(datasets: Path, name: str, folder: str) -> Path:
    """Path of the git-tracked copy of a version's manifest."""
    return datasets / name / "manifests" / f"{folder}.json"


def dataset_names(datasets: Path) -> list[str]:
    """The datasets with an index, sorted."""
    if datasets.is_dir() and not os.access(datasets, os.R_OK | os.X_OK):
        raise permission_error(str(datasets))  # a glob would find nothing
    return sorted(path.parent.name for path in datasets.glob("*/index.json") if NAME.fullmatch(path.parent.name))


def load_index(datasets: Path, name: str) -> Index:
    """The index of a dataset; an empty one if it has no version yet. SetupError if the file cannot be read."""
    path = index_path(datasets, name)
    if not path.exists():
        return Index(name)
    return parse_index(read_utf8(path, next_command=restoring(path)), path)


def save_index(datasets: Path, index: Index) -> None:
    """Write an index atomically."""
    write_text(index_path(datasets, index.name), index_text(index))


def index_text(index: Index) -> str:
    """The text of index.json."""
    return json_text({"index_schema": INDEX_SCHEMA, **asdict(index)})


def parse_index(text: str, path: Path) -> Index:
    """An index from its text; errors name `path`."""
    if "<<<<<<< " in text:
        raise SetupError(
            f"{path} holds a git conflict: two clones made a version of the same number.",
            next_command=f"rollmill dataset rebase {path.parent.name}",
        )
    value = parse_object(text, path, next_command=restoring(path))
    schema = value.get("index_schema")
    if schema is None:
        raise SetupError(f"{path} is not an index of versions.", next_command=restoring(path))
    if schema != INDEX_SCHEMA:
        raise SetupError(
            f"{path} has index_schema {schema!r}; this Rollmill reads {INDEX_SCHEMA}.", next_command="update the checkout"
        )
    try:
        if not (isinstance(value["tags"], dict) and isinstance(value["yanked"], dict)):
            raise TypeError("tags and yanked are not objects")
        index = Index(
            name=value["name"],
            versions=tuple(Entry(**entry) for entry in value["versions"]),
            tags=value["tags"],
            yanked=value["yanked"],
            signoffs=tuple(SignOff(**item) for item in value["signoffs"]),
        )
        check_names(path, index.name, [(entry.number, entry.content_hash) for entry in index.versions])
        check_texts([*index.tags.items(), *index.yanked.items(), *(vars(word).items() for word in index.signoffs)])
        return index
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"{path} is not an index of versions ({type(error).__name__}: {error}).",
            next_command=restoring(path),
        ) from error


def check_names(path: Path, name: object, versions: Sequence[tuple[object, object]]) -> None:
    """ValueError for a name, number or hash that would lead out of the folder of an index at `path`."""
    if name != path.parent.name:
        raise ValueError(f"its name is {str(name)[:80]!r}, that of its folder {path.parent.name!r}")
    for number, content in versions:
        if type(number) is not int or not 0 < number < 10**9:
            raise ValueError(f"a version has the number {str(number)[:80]!r}")
        if not isinstance(content, str) or not _HASH.fullmatch(content):
            raise ValueError(f"version {number} has the content hash {str(content)[:80]!r}")


def check_texts(pairs: Iterable[Iterable[object]]) -> None:
    """TypeError for a mark (tag, yank, sign-off) that is no text."""
    if odd := [value for pair in pairs for value in pair if not isinstance(value, str | tuple)]:
        raise TypeError(f"a mark is {str(odd[0])[:80]!r}")


def restoring(path: Path) -> str:
    """The commands that restore a damaged index or manifest copy: from git, or from the versions."""
    return f"git checkout -- {path}, or remove it and rollmill dataset rebuild-index {path.parent.name}"


LINK = "latest"


def point_latest(datasets: Path, index: Index) -> None:
    """Point the link at the newest version with local files; remove it if there is none."""
    place = datasets / index.name
    usable = [entry.folder for entry in index.versions if entry.folder not in index.yanked]
    here = [folder for folder in usable if (place / folder).is_dir()]
    link = place / LINK
    if link.exists() and not link.is_symlink():
        return  # a user's own file of that name
    # An older version behind the link would be mistaken for the newest.
    if not here or here[-1] != usable[-1]:
        link.unlink(missing_ok=True)
        return
    with explained(place):
        if repository(place, ".git") is not None:
            ensure_lines(place / ".gitignore", [f"/{LINK}"])
        if link.is_symlink() and str(link.readlink()) == here[-1]:
            return
        # A link cannot be overwritten: creating one beside it and renaming leaves no moment without a link.
        temporary = place / f".{LINK}.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(here[-1])
        os.replace(temporary, link)  # noqa: PTH105 - Path.replace would do the same
