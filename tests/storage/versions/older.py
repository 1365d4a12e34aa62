"""Versions as older programs wrote them: one database file, or shards of all kinds in one folder."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.ground.files import json_text
from rollmill.storage.artifacts.index import manifest_copy
from rollmill.storage.versions.content.catalogue import KEYS, TABLE_NAMES
from rollmill.storage.versions.content.prompts import shown
from rollmill.storage.versions.content.shard_views import add_manifest_and_views
from rollmill.storage.versions.content.snapshot import Snapshot, sorted_by_key
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace

Layout = Callable[[VersionInfo], VersionInfo]


def put_as(layout: Layout, ws: Workspace, snapshot: Snapshot) -> VersionInfo:
    """The snapshot published, in a layout."""
    return layout(publish(ws, snapshot, report_html="<p>", report_json={}).version)


def today(info: VersionInfo) -> VersionInfo:
    """A version as it is."""
    return info


def one_file(info: VersionInfo) -> VersionInfo:
    """A version of up to 1 GB, as it was written before versions shared files."""
    snapshot = load_snapshot(info)
    _remove_rows(info)
    write_database(info.path / "dataset.duckdb", snapshot, snapshot.manifest)
    _publish_digest(info, "dataset.duckdb")
    return info


def flat_shards(info: VersionInfo) -> VersionInfo:
    """A version above 1 GB, as it was written before kinds had folders."""
    snapshot = load_snapshot(info)
    _remove_rows(info)
    (info.path / "shards").mkdir()
    listing = {}
    for kind, table in snapshot.written():
        rows = sorted_by_key(kind, table)
        first, last = ([rows[KEYS[kind][0]][at].as_py() for at in (0, -1)]) if rows.num_rows else ("", "")
        entry = {"rows": rows.num_rows, "bytes": rows.nbytes, "first": first, "last": last}
        listing[kind] = [{"file": flat_shard(info.path, shown(kind, rows)), **entry}] if rows.num_rows else []
    (info.path / "shards.json").write_text(json_text(listing))
    _publish_digest(info, "shards.json")
    return info


LAYOUTS: Mapping[str, Layout] = {"today": today, "one file": one_file, "flat shards": flat_shards}


def write_database(path: Path, snapshot: Snapshot, manifest: Mapping[str, Any], storage_version: str = "v1.4.0") -> None:
    """The rows and the manifest as a database file; programs before this format's time wrote `latest`."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as dataset (storage_version '{storage_version}')")
        connection.execute("use dataset")
        for kind, table in snapshot.written():
            connection.register("incoming", shown(kind, sorted_by_key(kind, table.select(table.column_names))))
            connection.execute(f"create table {TABLE_NAMES[kind]} as select * from incoming")
        tables = {kind for kind, _ in snapshot.written()}
        add_manifest_and_views(connection, manifest, snapshot.decisions.column_names, sent={"sent", "prompts"} <= tables)
        connection.execute("checkpoint dataset")


def flat_shard(folder: Path, rows: pa.Table) -> str:
    """The name of a new shard, which is its digest."""
    pq.write_table(rows, folder / "shards" / "new")
    name = hashlib.sha256((folder / "shards" / "new").read_bytes()).hexdigest() + ".parquet"
    (folder / "shards" / "new").rename(folder / "shards" / name)
    return name


def _remove_rows(info: VersionInfo) -> None:
    shutil.rmtree(info.path / "shards")
    for path in (info.path / "shards.json", info.path / "dataset.duckdb", *info.path.glob("kept*.parquet")):
        path.unlink()


def _publish_digest(info: VersionInfo, name: str) -> None:
    """The digest of the file in both manifests, instead of that of today's files."""
    digest = hashlib.sha256((info.path / name).read_bytes()).hexdigest()
    for path in (info.path / "manifest.json", manifest_copy(info.path.parent.parent, info.name, info.folder)):
        manifest = json.loads(path.read_text())
        manifest["files"].pop("shards.json", None)
        manifest["files"][name] = digest
        manifest["counts"].pop("splits")
        path.write_text(json.dumps(manifest))
