"""Models as a kind of artifacts, for upkeep."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import FoundWanting
from rollmill.storage.artifacts.digests import outs_of
from rollmill.storage.artifacts.kind import ArtifactKind
from rollmill.storage.models.files import require_published_model
from rollmill.storage.models.index import MODELS, ModelEntry, ModelReferences, ModelVersion
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import REFERENCES as DATASET_REFERENCES

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


class Models(ModelReferences, ArtifactKind[ModelEntry, ModelVersion]):
    """Models of a workspace."""

    manifest = "training.json"

    def is_here(self, version: ModelVersion) -> bool:
        """True for a version with its weights in this clone."""
        return version.fetched

    def is_whole(self, version: ModelVersion) -> bool:
        """True for a version with every published file unchanged."""
        if not version.fetched:
            return False
        try:
            require_published_model(version)
        except FoundWanting:
            return False
        return True

    def require_placed(self, version: ModelVersion, again: str) -> None:
        """FoundWanting if a file is not the published one."""
        del again
        require_published_model(version)

    def entry(self, number: int, manifest: Mapping[str, Any], created_at: datetime, place: Path) -> ModelEntry:
        """The entry for a record, which has no sizes: they are those of the files, without them those of DVC's pointer."""
        pointer = place.with_name(f"{place.name}.dvc")
        if place.is_dir():
            size = sum((place / name).stat().st_size for name in manifest["files"])
        else:
            size = int(outs_of(pointer)[0].get("size", 0)) if pointer.exists() else 0
        return ModelEntry.of_record(number, manifest, created_at, size)

    def parent(self, version: ModelVersion) -> str | None:
        """The initial model."""
        return version.init

    def is_freed(self, file: str) -> bool:
        """True: no file of a model serves without its weights."""
        del file
        return True

    def named_by(self, ws: "Workspace", known: Sequence[ModelVersion]) -> Iterator[str]:
        """Models that were trained from one of these, and datasets whose recipes draw from one."""
        name, hashes = known[0].name, {version.content_hash for version in known}
        for model in self.every(ws.models):
            if model.init in hashes and model.name != name:
                yield model.ref
        for dataset in DATASET_REFERENCES.every(ws.datasets):
            texts = _texts(load_manifest(dataset).get("recipe", {}))
            if any(text.partition("@")[0] == f"{MODELS}/{name}" for text in texts):
                yield dataset.ref


MODEL_KIND = Models()


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)
