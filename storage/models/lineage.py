"""Lineage of models, from the records of their versions: the data and the models that they were trained from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rollmill.storage.models.index import ModelVersion, all_models


def trained_on(models: Path, dataset_hash: str) -> Iterator[tuple[ModelVersion, Mapping[str, Any]]]:
    """The models that were trained on a dataset version, each with its part of the data, by content hash."""
    for version in all_models(models):
        for part in version.record().get("data", ()):
            if part["content_hash"] == dataset_hash:
                yield version, part


def ancestors(models: Path, version: ModelVersion) -> list[ModelVersion | str]:
    """The model from which a version was trained, the one before that, and so on; a text for one without versions."""
    by_hash = {other.content_hash: other for other in all_models(models)}
    chain: list[ModelVersion | str] = []
    seen = {version.content_hash}
    record = version.record()
    while init := record.get("init"):
        parent = by_hash.get(init["content_hash"])
        # A training without effect has its initial model's content, and following it would never end.
        if parent is None or parent.content_hash in seen:
            return [*chain, init["model"]]
        seen.add(parent.content_hash)
        chain.append(parent)
        record = parent.record()
    return chain
