"""The ledger's index of versions: one row each, for queries that join runs and datasets. Rebuildable, not authoritative.

Its content follows from index.json and the manifests alone; `reindex` writes it again after a clone, a pull or a rebase.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.artifacts.kind import LedgerMarks
from rollmill.storage.ledger.models import DatasetRow
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import VersionInfo, versions
from rollmill.storage.workspace import Workspace


def record_version(ws: Workspace, info: VersionInfo) -> None:
    """Write or overwrite the row of one version."""
    row = _row(ws, info)
    with ws.ledger.write() as session:
        session.merge(row)


def reindex(ws: Workspace) -> int:
    """Rebuild the ledger's table from the indexes; the number of versions."""
    rows: list[DatasetRow] = []
    for name in artifact_names(ws.datasets):
        known: list[VersionInfo] = []
        try:
            known = versions(ws.datasets, name)
        except Unavailable:  # the machine cannot read it now: the versions still exist
            raise
        except SetupError:  # a broken index concerns that dataset alone; its readers report it
            pass
        rows += [_row(ws, info) for info in known]
    with ws.ledger.write() as session:
        session.execute(delete(DatasetRow))
        session.add_all(rows)
    return len(rows)


def recorded_marks(ws: Workspace, name: str) -> Mapping[str, LedgerMarks]:
    """Time, tags and withdrawals of the versions of a dataset that the ledger knows, by folder."""
    with ws.ledger.read() as session:
        rows = session.scalars(select(DatasetRow).where(DatasetRow.name == name)).all()
    return {
        Path(row.path).name: LedgerMarks(row.created_at, tuple(row.detail.get("tags", ())), row.detail.get("yanked"))
        for row in rows
    }


def _row(ws: Workspace, info: VersionInfo) -> DatasetRow:
    run = load_manifest(info).get("run")
    return DatasetRow(
        name=info.name,
        number=info.number,
        content_hash=info.content_hash,
        kept_hash=info.kept_hash,
        parent=info.parent,
        path=info.path.relative_to(ws.root).as_posix(),
        run=run if isinstance(run, str) else None,
        rows=info.rows,
        kept=info.kept,
        created_at=datetime.fromisoformat(info.created_at).timestamp(),
        detail={
            "tags": list(info.tags),
            "yanked": info.yanked,
            "problems": info.problems,
            "scores_hash": info.scores_hash,
            "recipe_hash": info.recipe_hash,
        },
    )
