"""References to versions of datasets: `arithmetic`, `arithmetic@v2`, `@3f9a0c1d`, `@tag`. Reads the index only."""

from dataclasses import dataclass

from rollmill.storage.artifacts.references import ArtifactReferences, ArtifactVersion
from rollmill.storage.versions.index import FORMAT, Entry


@dataclass(frozen=True)
class VersionInfo(ArtifactVersion, Entry):
    """A version of a dataset. `rows` counts rollouts."""

    @property
    def fetched(self) -> bool:
        """True if its rows are in this clone."""
        return (self.path / "manifest.json").exists()


class DatasetReferences(ArtifactReferences[Entry, VersionInfo]):
    """References to the datasets of a workspace."""

    noun, files, maker, locks = "dataset", "rows", "rollmill curate RECIPE", "publish"
    format, version = FORMAT, VersionInfo


REFERENCES = DatasetReferences()
version_info, versions, resolve = REFERENCES.of_entry, REFERENCES.versions, REFERENCES.resolve
