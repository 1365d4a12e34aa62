"""Opening a published version: its database, its manifest, its rows. Never writes.

The rows of a version that was cloned but not fetched are absent; then the error names the DVC command that brings them.
"""

import json
from typing import Any

import duckdb

from storage.errors import SetupError
from storage.versions.database import read_table
from storage.versions.index import manifest_copy
from storage.versions.resolve import VersionInfo
from storage.versions.snapshot import TABLES, Snapshot


def open_version(info: VersionInfo) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the version's database: any number of readers, no lock against each other."""
    path = info.path / "dataset.duckdb"
    if not path.exists():
        raise SetupError(
            f"the rows of {info.ref} are not in this clone ({path} is missing).", next_command=f"dvc pull {info.path}.dvc"
        )
    return duckdb.connect(str(path), read_only=True)


def load_manifest(info: VersionInfo) -> dict[str, Any]:
    """The version's manifest, from its folder or, where the rows were not fetched, from the git-tracked copy."""
    inside = info.path / "manifest.json"
    path = inside if inside.exists() else manifest_copy(info.path.parent.parent, info.name, info.folder)
    if not path.exists():
        raise SetupError(f"{info.ref} has no manifest here ({path}).", next_command=f"dvc pull {info.path}.dvc")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def load_snapshot(info: VersionInfo) -> Snapshot:
    """The version's rows as Arrow tables in key order, with its manifest."""
    manifest = load_manifest(info)
    with open_version(info) as connection:
        tables = {kind: read_table(connection, kind) for kind in TABLES}
    return Snapshot(info.name, **tables, manifest=manifest)
