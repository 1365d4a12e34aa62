"""The same small dataset as the tests of versions, published once per test: drawn beforehand, scored by their number."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from storage.versions.publish import publish
from storage.versions.resolve import VersionInfo
from storage.versions.snapshot import Snapshot
from storage.workspace import Workspace
from tests.storage.versions.conftest import snapshot, ws

__all__ = ["snapshot", "ws"]


@pytest.fixture
def version(ws: Workspace, snapshot: Callable[..., Snapshot]) -> VersionInfo:
    return publish(ws, drawn(snapshot()), report_html="", report_json={}).version


def drawn(toy: Snapshot, prefix: int | None = 3) -> Snapshot:
    """With `prefix` completions of each problem fixed before any verdict, and the score `number`: 0 to 5."""
    rows = [{**row, "scorer": "number", "value": float(int(row["completion_id"], 16))} for row in toy.scores.to_pylist()]
    metrics = {**toy.manifest["metrics"], "prefix": prefix}
    scores = pa.Table.from_pylist(rows, schema=toy.scores.schema)
    return replace(toy, manifest={**toy.manifest, "metrics": metrics}, scores=scores)
