"""The same small dataset as the tests of versions, published once per test."""

from collections.abc import Callable

import pytest

from storage.versions.publish import publish
from storage.versions.resolve import VersionInfo
from storage.versions.snapshot import Snapshot
from storage.workspace import Workspace
from tests.storage.versions.conftest import snapshot, ws

__all__ = ["snapshot", "ws"]


@pytest.fixture
def version(ws: Workspace, snapshot: Callable[..., Snapshot]) -> VersionInfo:
    return publish(ws, snapshot(), report_html="", report_json={}).version
