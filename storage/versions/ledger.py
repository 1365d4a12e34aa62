"""The ledger's index of versions: one row each, for queries that join runs and datasets. Rebuildable, never the truth.

What it says follows from index.json and the manifests alone; `reindex` writes it again after a clone, a pull or a rebase.
"""

from datetime import datetime

from sqlalchemy import delete

from storage.errors import SetupError, Unavailable
from storage.ledger.models import DatasetRow
from storage.versions.index import dataset_names
from storage.versions.read import load_manifest
from storage.versions.resolve import VersionInfo, versions
from storage.workspace import Workspace


def record_version(ws: Workspace, info: VersionInfo) -> None:
    """Write or overwrite the row of one version."""
    row = _row(ws, info)
    with ws.ledger.write() as session:
        session.merge(row)


def reindex(ws: Workspace) -> int:
    """Make the ledger's table say what the indexes say, and nothing else; the number of versions."""
    rows: list[DatasetRow] = []
    for name in dataset_names(ws.datasets):
        known: list[VersionInfo] = []
        try:
            known = versions(ws.datasets, name)
        except Unavailable:  # a machine that cannot read it now: the versions are there
            raise
        except SetupError:  # a broken index is that dataset's own trouble, named by whoever reads it
            pass
        rows += [_row(ws, info) for info in known]
    with ws.ledger.write() as session:
        session.execute(delete(DatasetRow))
        session.add_all(rows)
    return len(rows)


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
