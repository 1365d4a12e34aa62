"""What `doctor` looks at, one finding per line: environment, workspace, segments, versions, standing server.

Reads everything and mends only what every writing command mends too: lost segments are named and unregistered.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import RollmillError

if TYPE_CHECKING:
    from storage.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "prefect",
    "duckdb",
    "pyarrow",
    "sqlalchemy",
    "great-expectations",
    "onnxruntime",
    "math-verify",
    "dvc",
    "streamlit",
)
LEAST_FREE = 1 << 30  # bytes; a run of the main job writes a few MB, a large one a few hundred


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: sound or not, and what to do if not."""

    area: str
    name: str
    ok: bool
    detail: str


def _sound(area: str, name: str, detail: str) -> Finding:
    return Finding(area, name, ok=True, detail=detail)


def _bad(area: str, name: str, detail: str) -> Finding:
    return Finding(area, name, ok=False, detail=detail)


def examine(workspace: "Workspace", *, deep: bool = True) -> Iterator[Finding]:
    """Every finding in order; deep reads all segments and all versions against their checksums."""
    yield from _environment()
    yield from _places(workspace)
    yield from _segments(workspace, deep=deep)
    yield from _versions(workspace, deep=deep)
    yield from _services(workspace)


def _environment() -> Iterator[Finding]:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("environment", "python", good, f"{sys.version.split()[0]}, 3.11 to 3.13 are supported")
    for name in PACKAGES:
        try:
            yield _sound("environment", name, version(name))
        except PackageNotFoundError:
            yield _bad("environment", name, "not installed; pip install -r requirements.txt")
    yield _sound("environment", "cores", str(len(os.sched_getaffinity(0))))
    yield _sound("environment", "git", shutil.which("git") or "not found: versions stay untracked")


def _places(workspace: "Workspace") -> Iterator[Finding]:
    free = shutil.disk_usage(workspace.root).free
    yield Finding("workspace", "disk", free >= LEAST_FREE, f"{free / (1 << 30):.1f} GB free at {workspace.root}")
    writable = os.access(workspace.root, os.W_OK) and os.access(workspace.state, os.W_OK)
    yield Finding("workspace", "writable", writable, str(workspace.root))
    model = CHECKOUT / "models" / "rollmill-tiny" / "model.onnx"
    yield Finding("workspace", "model", model.is_file(), f"{model.parent.relative_to(CHECKOUT)}, the embedded engine's")
    runs = workspace.runs.list()
    yield _sound("workspace", "ledger", f"{workspace.ledger.where}: {len(runs)} runs")


def _segments(workspace: "Workspace", *, deep: bool) -> Iterator[Finding]:
    from storage.segments.schema import KINDS

    for lost in workspace.segments.check(deep=deep):
        yield _bad("segments", lost.segment_id[:16], f"{lost.line()}; the next run makes them again")
    registry = workspace.segments.registry
    files = [segment for kind in KINDS for segment in registry.segments(kind)]
    rows, size = sum(segment.rows for segment in files), sum(segment.bytes for segment in files)
    how = "checksums read" if deep else "sizes read"
    yield _sound("segments", "all", f"{len(files)} files, {rows:,} rows, {size / 1e6:.1f} MB, {how}")


def _versions(workspace: "Workspace", *, deep: bool) -> Iterator[Finding]:
    from storage.versions import content_hash, load_snapshot, versions
    from storage.versions.index import dataset_names

    for name in dataset_names(workspace.datasets):
        for info in versions(workspace.datasets, name):
            if not (info.path / "dataset.duckdb").exists():
                yield _sound("versions", info.ref, f"rows not in this clone: dvc pull {info.path}.dvc")
                continue
            try:
                same = not deep or content_hash(load_snapshot(info)) == info.content_hash
            except RollmillError as error:
                yield _bad("versions", info.ref, str(error))
                continue
            detail = f"content {info.content_hash[:8]}" if same else "its rows do not have its content hash"
            yield Finding("versions", info.ref, same, detail)


def _services(workspace: "Workspace") -> Iterator[Finding]:
    from flows.prefect.managed import find_standing, healthy

    standing = find_standing(workspace.state)
    if standing is None:
        yield _sound("services", "up", "not up; schedules need `rollmill up`")
        return
    well = healthy(standing.port)
    detail = f"Prefect at http://127.0.0.1:{standing.port} (pid {standing.process.pid})"
    yield Finding("services", "up", well, detail if well else f"{detail} does not answer; rollmill down && rollmill up")
