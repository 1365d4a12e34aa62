"""A dataset goes, or gets another name, only while nothing rests on it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.artifacts.removing import remove, rename
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import snapshot, ws

__all__ = ["snapshot", "ws"]


def put(ws: Workspace, content: Snapshot, recipe: dict[str, object]) -> None:
    publish(ws, replace(content, manifest={**content.manifest, "recipe": recipe}), report_html="", report_json={})


def test_what_others_rest_on_stays(ws: Workspace, snapshot: Callable[..., Snapshot]) -> None:
    put(ws, snapshot(name="first"), {"name": "first"})
    put(ws, snapshot(name="second"), {"name": "second", "problems": {"version": "first@v1"}})
    changes: tuple[Callable[[], object], ...] = (
        lambda: remove(DATASETS, ws, "first", lambda _: (), dry_run=False),
        lambda: rename(DATASETS, ws, ("first", "x"), lambda _: (), dry_run=False),
    )
    for change in changes:
        with pytest.raises(SetupError, match=r"first cannot be re(moved|named): second@v1 rest on it"):
            change()
    with pytest.raises(SetupError, match="model m@v1 rest on it"):
        remove(DATASETS, ws, "second", lambda _: ["model m@v1"], dry_run=False)
    assert remove(DATASETS, ws, "second", lambda _: (), dry_run=False) == 1
    assert rename(DATASETS, ws, ("first", "third"), lambda _: (), dry_run=False) == 1
    assert artifact_names(ws.datasets) == ["third"]
    assert resolve(ws.datasets, "third").ref == "third@v1"
    with pytest.raises(SetupError, match="a dataset is removed whole"):
        remove(DATASETS, ws, "third@v1", lambda _: (), dry_run=False)
