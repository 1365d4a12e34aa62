"""Publishing of model versions. Every step may be cut short: the same publication again finishes it, with the same number.

A model is written whole beside its place, fsynced and renamed; then come its record's copy, the index and `dvc add`.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, explained
from rollmill.ground.failpoints import hit
from rollmill.ground.files import json_text, locked, sync, sync_folder, write_text
from rollmill.storage import dvc
from rollmill.storage.artifacts.index import Index, index_path, manifest_copy
from rollmill.storage.models.files import content_hash, model_files
from rollmill.storage.models.index import REFERENCES, ModelEntry, ModelVersion
from rollmill.storage.workspace import Workspace

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PARTIAL = ".partial-"


@dataclass(frozen=True)
class ModelPublication:
    """The version with the published content, whether it is new, and lines for a person."""

    version: ModelVersion
    created: bool
    messages: list[str]


def check_name(models: Path, name: str) -> None:
    """SetupError for a name that no published model can have."""
    if not _NAME.fullmatch(name):
        raise SetupError(f"{name!r} is not a valid model name: use a-z, 0-9, '.', '_' and '-', at most 63.")
    if (models / name / "config.json").exists():
        raise SetupError(f"{models / name} is a model folder without versions.", next_command="publish under another name")


def publish_model(
    ws: Workspace, name: str, folder: Path, record: Mapping[str, Any], card: str, *, training_id: str | None = None
) -> ModelPublication:
    """Copy a model folder to the next version of `name`; none is made where a version has its content or its training.

    Deleted files of a version are written again from the same content only. `record`: content of training.json, without
    what is known here: name, files, content hash.
    """
    check_name(ws.models, name)
    with locked(REFERENCES.lock(ws, name)):
        # Under the lock nobody else is writing one: a killed command left it.
        for leftover in (ws.models / name).glob(f"{PARTIAL}*"):
            shutil.rmtree(leftover)
        index = REFERENCES.format.load(ws.models, name)
        files = model_files(folder)
        version = _published(ws, index, content_hash(files), training_id)
        if version is not None:
            if _deleted(version):
                # Its own record: the same content may come from another training now.
                _write(ws, name, version, folder, version.record(), card)
            return ModelPublication(
                version, created=False, messages=[f"{version.ref} has this content or training; no new version."]
            )
        full = {
            "model_schema": 1,
            **record,
            "name": name,
            "training_id": training_id,
            "content_hash": content_hash(files),
            "files": files,
        }
        size = sum((folder / file).stat().st_size for file in files)
        entry = ModelEntry.of_record(index.next_number(), full, datetime.now(UTC), size)
        _write(ws, name, entry, folder, full, card)
        # Before the index: a reader finds the record of every version in it.
        write_text(manifest_copy(ws.models, name, entry.folder), json_text(full))
        hit("model.written")
        index = index.with_version(entry)
        REFERENCES.format.save(ws.models, index)
        hit("model.index")
        version = REFERENCES.of_entry(ws.models, index, entry)
        return ModelPublication(
            version, created=True, messages=[f"published {version.ref} ({entry.content_hash[:8]}).", *track(ws, version)]
        )


def track(ws: Workspace, version: ModelVersion) -> list[str]:
    """Track a version with DVC; lines for a person."""
    tracked = dvc.add(version.path)
    files = [index_path(ws.models, version.name), version.manifest_copy, *tracked.files]
    return [line for line in (tracked.warning, dvc.git_add_line(files)) if line]


def _published(ws: Workspace, index: Index[ModelEntry], content: str, training_id: str | None) -> ModelVersion | None:
    """The newest version with this content or of this training; the files of another content are not written again."""
    known = [REFERENCES.of_entry(ws.models, index, entry) for entry in index.versions]
    same = [
        version
        for version in known
        if version.content_hash == content
        or (training_id is not None and version.training_id == training_id and not _deleted(version))
    ]
    return same[-1] if same else None


def _deleted(version: ModelVersion) -> bool:
    """True for files that are neither here nor known to DVC."""
    return not version.fetched and not version.pointer.exists()


def trained_version(ws: Workspace, name: str, training_id: str) -> ModelVersion | None:
    """The version that a training made, if it is published."""
    index = REFERENCES.format.load(ws.models, name)
    made = [entry for entry in index.versions if entry.training_id == training_id]
    return REFERENCES.of_entry(ws.models, index, made[-1]) if made else None


def _write(ws: Workspace, name: str, entry: ModelEntry, source: Path, record: Mapping[str, Any], card: str) -> None:
    """Write the version's folder whole, and rename it to its place."""
    final = ws.models / name / entry.folder
    partial = final.with_name(PARTIAL + entry.folder)
    with explained(partial):
        try:
            shutil.copytree(source, partial)
            (partial / "training.json").write_text(json_text(dict(record)), encoding="utf-8")
            (partial / "README.md").write_text(card, encoding="utf-8")
            sync_folder(partial)
            if final.exists():  # a kill came between the rename and the index
                shutil.rmtree(final)
            partial.rename(final)
            # The rename is durable only with the folder's entries.
            sync(final.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
