"""What `gc` tidies: small segments merged, files nobody needs removed. No row is lost; knows no run."""

import shutil
from typing import TYPE_CHECKING, Any

from storage.segments.compaction import compact
from storage.segments.schema import KINDS

if TYPE_CHECKING:
    from storage.workspace import Workspace

FEW = 2  # merging needs at least two files


def collect(workspace: "Workspace", *, dry_run: bool) -> dict[str, Any]:
    """Merge and remove, or with `dry_run` only count; what was done as JSON values."""
    files = {kind: len(workspace.segments.registry.segments(kind)) for kind in KINDS}
    if dry_run:
        return {"files": files, "would_merge": sorted(kind for kind, count in files.items() if count >= FEW)}
    merged = {}
    for kind in KINDS:
        if files[kind] >= FEW:
            report = compact(workspace.segments, kind)
            merged[kind] = {
                "files_before": report.files_before,
                "files_after": report.files_after,
                "rows": report.rows_after,
            }
    return {"merged": merged, "messages": workspace.recover(), "removed": _leftovers(workspace)}


def _leftovers(workspace: "Workspace") -> list[str]:
    """Prefect homes of killed commands, and word of those."""
    from flows.commands import workers_of
    from pipelines.processes.proc import process

    workers_of(workspace.state)
    removed = []
    for folder in sorted(workspace.state.glob("prefect-*")):
        number = folder.name.removeprefix("prefect-")
        if number.isdigit() and not process(int(number)).alive():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed
