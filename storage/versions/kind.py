"""Datasets as a kind of artifacts, for upkeep."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.versions.index import Entry, point_latest
from rollmill.storage.versions.ledger import record_version, recorded_marks, reindex
from rollmill.storage.versions.publish import finish_interrupted
from rollmill.storage.versions.read import is_here, is_whole, load_manifest, require_pulled, write_derived
from rollmill.storage.versions.resolve import DatasetReferences, VersionInfo

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

_NAMING = ("version", "versions", "from", "dataset_version", "content_hash", "ref")
"""Keys of a manifest whose texts name versions."""


class Datasets(DatasetReferences, ArtifactKind[Entry, VersionInfo]):
    """Datasets of a workspace."""

    manifest = "manifest.json"

    is_here, is_whole = staticmethod(is_here), staticmethod(is_whole)
    require_placed, placed = staticmethod(require_pulled), staticmethod(write_derived)
    saved, record, recorded = staticmethod(point_latest), staticmethod(record_version), staticmethod(recorded_marks)
    reindex, finish = staticmethod(reindex), staticmethod(finish_interrupted)

    def entry(self, number: int, manifest: Mapping[str, Any], created_at: datetime, place: Path) -> Entry:
        """The entry for a manifest; it has all of it."""
        del place
        return Entry.of_manifest(number, manifest, created_at)

    def parent(self, version: VersionInfo) -> str | None:
        """The version before it."""
        return version.parent

    def is_freed(self, file: str) -> bool:
        """True for files of rows."""
        return file.endswith((".duckdb", ".parquet"))

    def named_by(self, ws: "Workspace", known: Sequence[VersionInfo]) -> Iterator[str]:
        """Versions of other datasets whose manifests name one of these: as problems, as examples, as a mixture's source."""
        name, hashes = known[0].name, {version.content_hash for version in known}
        for other in artifact_names(ws.datasets):
            for version in self.versions(ws.datasets, other) if other != name else ():
                if any(value.partition("@")[0] == name or value in hashes for value in _named(version)):
                    yield version.ref


DATASETS = Datasets()


def _named(version: VersionInfo) -> Iterator[str]:
    """Texts under keys that name versions in a manifest."""
    manifest = load_manifest(version)
    stack = [manifest.get("recipe", {}), manifest.get("mixture") or {}]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(inner, str) and key in _NAMING:
                    yield inner
                elif key in ("versions", "sources") and isinstance(inner, dict):
                    yield from map(str, inner)
                stack.append(inner)
        elif isinstance(value, list):
            stack += value
            if all(isinstance(item, str) for item in value):
                yield from value
