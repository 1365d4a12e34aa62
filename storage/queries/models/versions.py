"""Versions of models as the indexes and records in git have them, for a table, and the card of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollmill.ground.ids import embedded_digest
from rollmill.storage.artifacts.index import artifact_names, index_path
from rollmill.storage.models.files import checked_file
from rollmill.storage.models.index import ModelVersion, all_models, resolve_model
from rollmill.storage.queries.reader import Reader

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A version in the table of models.

    `init`: the initial model as the training recipe names it, None for an imported model. `init_hash`: content hash of the
    initial model. `data`: dataset versions that it was trained on. `loss`: objective of the training. `here`: True if its
    weights are in this clone. `tracked`: True if DVC tracks them. `digest`: digest that the embedded engine writes into
    completions, None for a model that it cannot load.
    """

    ref: str
    name: str
    number: int
    content_hash: str
    init: str | None
    init_hash: str | None
    data: tuple[str, ...]
    loss: str | None
    steps: int | None
    tokens: int | None
    seconds: float | None
    tags: tuple[str, ...]
    yanked: str | None
    made: str
    bytes: int
    here: bool
    tracked: bool
    digest: str | None


def models_stamp(reader: Reader) -> Stamp:
    """Stamp of the indexes and the folders with weights: equal stamps mean the same versions, here or not."""
    folders = [(name, index_path(reader.models, name)) for name in artifact_names(reader.models)]
    return tuple((name, path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns) for name, path in folders)


def model_lines(reader: Reader) -> list[ModelLine]:
    """Every version of every model, the newest first; SetupError for a damaged index or record."""
    versions = sorted(all_models(reader.models), key=lambda one: (one.created_at, one.name, one.number), reverse=True)
    return [_line(version) for version in versions]


def _line(version: ModelVersion) -> ModelLine:
    record = version.record()
    trained, training = record.get("trained") or {}, record.get("training") or {}
    init = record.get("init") or {}
    return ModelLine(
        ref=version.ref,
        name=version.name,
        number=version.number,
        content_hash=version.content_hash,
        init=init.get("model"),
        init_hash=version.init,
        data=tuple(str(part["version"]) for part in record.get("data", ())),
        loss=training.get("loss", {}).get("method"),
        steps=trained.get("steps"),
        tokens=trained.get("tokens"),
        seconds=trained.get("seconds"),
        tags=version.tags,
        yanked=version.yanked,
        made=version.created_at,
        bytes=version.bytes,
        here=version.fetched,
        tracked=version.pointer.exists(),
        digest=embedded_digest(record.get("files", {})),
    )


def model_record(reader: Reader, reference: str) -> Mapping[str, Any]:
    """The training.json of a version, from its copy in git."""
    return resolve_model(reader.models, reference).record()


def model_card_text(reader: Reader, reference: str) -> str:
    """The card of a version, Markdown; SetupError if its files are not in this clone."""
    return checked_file(resolve_model(reader.models, reference), "README.md").read_text(encoding="utf-8")
