"""Fixtures of versions for tests of artifacts."""

from tests.storage.versions.conftest import snapshot, ws

__all__ = ["snapshot", "ws"]
