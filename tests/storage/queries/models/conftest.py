"""A workspace with a family of models: `student@v1` of two dataset versions, `student@v2` from it, and an imported one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.models.index import ModelVersion
from rollmill.storage.models.publish import publish_model
from rollmill.storage.queries import Reader
from rollmill.storage.workspace import Workspace

FILES = {"config.json": "{}", "tokenizer.json": "{}"}
STEPS = '{"step": 1, "loss": 0.5, "tokens": 10}\n{"step": 2, "loss": 0.25, "tokens": 20}\n{"step": 3, "lo'


@dataclass
class Family:
    """The workspace, a reader of it, and its versions by reference."""

    ws: Workspace
    reader: Reader
    versions: dict[str, ModelVersion]


def published(
    ws: Workspace, folder: Path, name: str, graph: str, init: tuple[str, str] | None, data: Mapping[str, int]
) -> ModelVersion:
    """A version whose graph is this text; `init`: the text that named the initial model, and its content hash."""
    source = folder / f"{name}-{graph}"
    source.mkdir()
    for file, text in {**FILES, "model.onnx": graph, "steps.jsonl": STEPS}.items():
        (source / file).write_text(text)
    record: dict[str, Any] = {
        "init": None if init is None else dict(zip(("model", "content_hash"), init, strict=True)),
        "data": [{"version": ref, "content_hash": ref, "rows": rows, "licences": []} for ref, rows in data.items()],
    }
    if init is not None:
        record["training"] = {"loss": {"method": "sft", "options": {}}}
        record["trained"] = {"steps": 3, "tokens": 30, "seconds": 1.5}
    return publish_model(ws, name, source, record, f"# {name}\n\n## Data\n\nof {graph}\n").version


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    with Workspace.init(tmp_path / "ws") as ws:
        first = published(ws, tmp_path, "student", "one", ("models/base", "b" * 64), {"sums@v1": 4, "words@v3": 2})
        second = published(ws, tmp_path, "student", "two", ("models/student@v1", first.content_hash), {"sums@v1": 4})
        other = published(ws, tmp_path, "other", "three", None, {})
        yield Family(ws, Reader(ws), {version.ref: version for version in (first, second, other)})
