"""Published datasets and their versions: lists, card, quality report, manifest, and what differs between two.

Reads the git-tracked index and the version folders; never the ledger. What a clone has not fetched is named, not guessed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import RollmillError, SetupError
from storage.queries.reader import Reader
from storage.versions.resolve import VersionInfo

if TYPE_CHECKING:
    from storage.versions.diff import VersionDiff


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """One dataset with its newest version (None where every version is gone from the index) and how many it has."""

    name: str
    versions: int
    newest: VersionInfo | None


def datasets(reader: Reader) -> list[DatasetSummary]:
    """All datasets, by name."""
    from storage.versions.index import dataset_names

    rows = []
    for name in dataset_names(reader.datasets):
        try:
            every = versions_of(reader, name)
        except RollmillError:  # whoever chooses it is told what is wrong with its index
            every = []
        rows.append(DatasetSummary(name, len(every), every[0] if every else None))
    return rows


def versions_of(reader: Reader, name: str) -> list[VersionInfo]:
    """The versions of a dataset, the newest first; SetupError where there is no such dataset."""
    from storage.versions import versions

    return versions(reader.datasets, name)[::-1]


def version_card(reader: Reader, reference: str) -> str:
    """The card of a version, Markdown."""
    return _file(reader, reference, "README.md")


def version_report(reader: Reader, reference: str) -> str:
    """The quality report of a version, one self-contained HTML page."""
    return _file(reader, reference, "report.html")


def version_manifest(reader: Reader, reference: str) -> dict[str, Any]:
    """The manifest of a version; also there where the rows were not fetched."""
    from storage.versions import load_manifest, resolve

    return load_manifest(resolve(reader.datasets, reference))


def compare(reader: Reader, before: str, after: str) -> "VersionDiff":
    """What differs between two versions."""
    from storage.versions import resolve
    from storage.versions.diff import diff

    return diff(resolve(reader.datasets, before), resolve(reader.datasets, after))


def _file(reader: Reader, reference: str, name: str) -> str:
    from storage.versions import resolve
    from storage.versions.read import fetching

    info = resolve(reader.datasets, reference)
    path = info.path / name
    if not path.exists():
        raise SetupError(f"{info.ref} has no {name} in this clone.", next_command=fetching(info))
    return path.read_text(encoding="utf-8")
