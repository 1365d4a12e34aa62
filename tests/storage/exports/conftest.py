"""The same small dataset as the tests of versions, published once per test: drawn beforehand, scored by their number."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import snapshot, ws

__all__ = ["snapshot", "ws"]


@pytest.fixture
def version(ws: Workspace, snapshot: Callable[..., Snapshot]) -> VersionInfo:
    return put(ws, drawn(snapshot()))


def put(ws: Workspace, content: Snapshot) -> VersionInfo:
    """The version with this content."""
    return publish(ws, content, report_html="", report_json={}).version


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def drawn(toy: Snapshot, prefix: int | None = 3) -> Snapshot:
    """With `prefix` completions of each problem fixed before any verdict, and the score `number`: 0 to 5."""
    rows = [{**row, "scorer": "number", "value": float(int(row["completion_id"], 16))} for row in toy.scores.to_pylist()]
    metrics = {**toy.manifest["metrics"], "prefix": prefix}
    scores = pa.Table.from_pylist(rows, schema=toy.scores.schema)
    return replace(toy, manifest={**toy.manifest, "metrics": metrics}, scores=scores)
