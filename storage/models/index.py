"""Versions of models by reference, with their records: what the indexes in git say of them.

A copy of each version's training.json lies in manifests/, so that lineage can be read in a clone without weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.files import read_object
from rollmill.storage.artifacts.index import ArtifactEntry, IndexFormat, index_path
from rollmill.storage.artifacts.references import ArtifactReferences, ArtifactVersion

if TYPE_CHECKING:
    pass

MODELS = "models"
"""Folder of a workspace's models, and what a reference to one begins with: `models/student@v2`."""


@dataclass(frozen=True)
class ModelEntry(ArtifactEntry):
    """A version in the index of a model. `content_hash`: hash of its weights, tokenizer and configuration. `training_id`:
    hash of all that determined the training, None for an imported model. `init`: content hash of the initial model.
    """

    training_id: str | None
    init: str | None
    created_at: str
    bytes: int

    @classmethod
    def of_record(cls, number: int, record: Mapping[str, Any], created_at: datetime, size: int) -> "ModelEntry":
        """The entry for a version's record. `size`: bytes of its files."""
        return cls(
            number=number,
            content_hash=str(record["content_hash"]),
            training_id=record["training_id"],
            init=(record.get("init") or {}).get("content_hash"),
            created_at=created_at.isoformat(timespec="seconds"),
            bytes=size,
        )


@dataclass(frozen=True)
class ModelVersion(ArtifactVersion, ModelEntry):
    """A version of a model."""

    @property
    def fetched(self) -> bool:
        """True if its weights are in this clone."""
        return (self.path / "config.json").exists()  # every published model has one, see `model_files`

    def record(self) -> dict[str, Any]:
        """Its training.json, from the copy in git."""
        return read_object(self.manifest_copy, next_command=f"git checkout -- {self.manifest_copy}")


class ModelReferences(ArtifactReferences[ModelEntry, ModelVersion]):
    """References to the models of a workspace."""

    noun, files, maker, locks = "model", "weights", "rollmill train RECIPE", "model"
    format, version = IndexFormat("model", "model_index_schema", ModelEntry, optional=("signoffs",)), ModelVersion


REFERENCES = ModelReferences()
resolve_model, model_versions, all_models = REFERENCES.resolve, REFERENCES.versions, REFERENCES.every


def named_version(models: Path, model: str) -> ModelVersion | None:
    """The version that `models/NAME` or `models/NAME@VERSION` means; None for any other text. SetupError without one."""
    name = model.removeprefix(f"{MODELS}/").partition("@")[0]
    # `models/NAME` may be a plain model folder without versions, such as the shipped one.
    if not model.startswith(f"{MODELS}/") or ("@" not in model and not index_path(models, name).exists()):
        return None
    return resolve_model(models, model)


def numbered_name(models: Path, model: str) -> str:
    """`models/student@v2` for any reference to that version, so that the name never means a later one; other texts stay."""
    version = named_version(models, model)
    return model if version is None else f"{MODELS}/{version.ref}"
