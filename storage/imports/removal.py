"""Imports in a workspace, their users, and their removal. Removes no row that another import also holds.

An import in use by a run's plan or a dataset version stays: without it, these could not be judged again or explained.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rollmill.ground.errors import SetupError, Unavailable, unknown_name
from rollmill.ground.recipe_steps import takes_imports
from rollmill.storage.import_records import PREFIX, ImportRecord, producer_of
from rollmill.storage.imports.stored import answering, current_rows, names_of, rows_of
from rollmill.storage.ledger.models import BatchRow, ImportRow, RunRow

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ImportContents:
    """Contents of one import. `of`: the problem set of its rollouts, None if it has none or it is unknown; `models`:
    rollouts by model; `records`: its files, empty for imports older than records; `lost`: missing rows and the remedy,
    None for a whole import.
    """

    name: str
    problems: int
    rollouts: int
    of: str | None
    models: Mapping[str, int]
    records: tuple[ImportRecord, ...]
    lost: str | None = None

    def row(self) -> dict[str, Any]:
        """The contents as JSON values."""
        records = []
        for record in self.records:
            at = datetime.fromtimestamp(record.imported_at).astimezone()
            records.append({**asdict(record), "imported_at": at.isoformat(sep=" ", timespec="seconds")})
        return {**asdict(self), "models": dict(self.models), "records": records}


@dataclass(frozen=True, slots=True)
class Removal:
    """Effect of removing an import: removed rows, rows that another import holds too, and users of the import."""

    name: str
    problems: int
    rollouts: int
    shared: int
    used_by: tuple[str, ...]


def imports_held(ws: "Workspace") -> list[ImportContents]:
    """Every import, by name."""
    return [contents_of(ws, name) for name in _names(ws)]


def contents_of(ws: "Workspace", name: str) -> ImportContents:
    """Contents of an import; SetupError for an unknown name."""
    known = _names(ws)
    if name not in known:
        raise unknown_name("import", name, known, next_command="rollmill import list")
    records = tuple(record for record in ws.imports.list() if record.name == name)
    with ws.segments.connection() as connection:
        counted = f"SELECT model, count(*) FROM ({current_rows(ws.segments, name)}) GROUP BY 1 ORDER BY 1"  # noqa: S608
        models = dict(connection.execute(counted).fetchall())
        [(problems,)] = connection.execute(f"SELECT count(*) FROM ({rows_of(ws.segments, 'problems', name)})").fetchall()  # noqa: S608
    of = next((record.of for record in records if record.of is not None), None)
    try:
        ws.imports.require_whole(name)
    except SetupError as error:
        return ImportContents(name, problems, sum(models.values()), of, models, records, error.message)
    return ImportContents(name, problems, sum(models.values()), of, models, records)


def plan_removal(ws: "Workspace", name: str) -> Removal:
    """Effect of `remove`; SetupError for an unknown import."""
    contents = contents_of(ws, name)
    # Only rows of this import alone would be lost: a plan of rows that another one holds does not need it.
    alone = {kind: _alone(ws, kind, name) for kind in ("problems", "completions")}
    shared = sum(len(_ids(ws, kind, name)) for kind in alone) - sum(map(len, alone.values()))
    return Removal(name, contents.problems, contents.rollouts, shared, tuple(_users(ws, name, alone)))


def remove(ws: "Workspace", name: str) -> Removal:
    """Remove an import; SetupError, with nothing removed, if a run, a version or another import needs it."""
    # Compared again under the write lock: users of the import are looked up without it, as that reads files.
    with ws.ledger.read() as session:
        before = _state(session)
    removal = plan_removal(ws, name)
    if removal.used_by:
        raise SetupError(
            f"the import {name!r} is used by {', '.join(removal.used_by)}; nothing was removed.",
            next_command=f"rollmill import show {name}",
        )
    with ws.ledger.write() as session:
        if _state(session) != before:
            raise Unavailable(
                "another command wrote to this workspace meanwhile; nothing was removed.",
                next_command=f"rollmill import remove {name}",
            )
        ws.segments.registry.retire(session, producer_of(name))
        ws.imports.forget(session, name)
    return removal


def named_by(ws: "Workspace", recipe: Mapping[str, Any]) -> set[str]:
    """The imports used by a canonical recipe: those it names, and the default ones of its problem set."""
    problem_set = recipe.get("problems", {}).get("imported")
    taken = recipe.get("generate", {}).get("imports") or ()
    # A recipe that names no import takes all that were made for its problem set.
    if takes_imports(recipe) and not taken and problem_set is not None:
        taken = answering(ws, problem_set)
    held_out = {part.get("imported") for part in recipe.get("evaluation", ())}
    return {name for name in (problem_set, *taken, *held_out) if name is not None}


def _names(ws: "Workspace") -> list[str]:
    recorded = {record.name for record in ws.imports.list()}
    return sorted(recorded.union(names_of(ws.segments, "problems"), names_of(ws.segments, "completions")))


def _users(ws: "Workspace", name: str, alone: Mapping[str, Collection[str]]) -> list[str]:
    """Other imports, runs and versions in words."""
    others = [f"the rollouts imported as {record.name}" for record in ws.imports.list() if record.of == name != record.name]
    planned = _planning(ws, alone)
    runs = {run.id for run in ws.runs.list() if run.id in planned or name in named_by(ws, run.recipe)}
    return [*dict.fromkeys(others), *(f"run {run}" for run in sorted(runs)), *_versions(ws, name, runs)]


def _versions(ws: "Workspace", name: str, runs: Collection[str]) -> list[str]:
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.versions.read import load_manifest
    from rollmill.storage.versions.resolve import versions

    datasets = []
    for dataset in artifact_names(ws.datasets):
        for info in versions(ws.datasets, dataset):
            manifest = load_manifest(info)
            taken = {part["name"] for part in manifest.get("imports", ())}
            # A version of another clone has no run in this ledger, but its manifest names what it took.
            if manifest.get("run") in runs or name in taken | named_by(ws, manifest.get("recipe", {})):
                datasets.append(f"dataset {info.ref}")
    return datasets


def _ids(ws: "Workspace", kind: Any, name: str) -> set[str]:
    """The ids that are stored under this import, those of labels that were updated since as well."""
    with ws.segments.connection() as connection:
        rows = connection.execute(f"SELECT id FROM ({rows_of(ws.segments, kind, name)})").fetchall()  # noqa: S608
    return {key for (key,) in rows}


def _alone(ws: "Workspace", kind: Any, name: str) -> set[str]:
    """The ids stored under this import only."""
    from rollmill.storage.segments.views import select as rows

    # Ids are of the content, so two imports may hold one row; either alone keeps it.
    others = [segment for segment in ws.segments.registry.segments(kind) if segment.producer != producer_of(name)]
    elsewhere = rows(kind, ws.segments.readable(others), ws.segments.path)
    query = f"SELECT id FROM ({rows_of(ws.segments, kind, name)}) ANTI JOIN (SELECT id FROM ({elsewhere})) USING (id)"  # noqa: S608
    with ws.segments.connection() as connection:
        return {key for (key,) in connection.execute(query).fetchall()}


def _planning(ws: "Workspace", alone: Mapping[str, Collection[str]]) -> set[str]:
    """The runs with plans that name rows of this import only."""
    import pyarrow as pa

    with ws.segments.connect() as connection:
        for kind, ids in alone.items():
            connection.register(f"lone_{kind}", pa.table({"id": pa.array(sorted(ids), pa.string())}))
        query = (
            "SELECT DISTINCT run FROM plan WHERE completion_id IN (SELECT id FROM lone_completions) "
            "OR problem_id IN (SELECT id FROM lone_problems)"
        )
        return {run for (run,) in connection.execute(query).fetchall()}


def _state(session: Session) -> tuple[int, ...]:
    """Fingerprint of all plans, runs and imports."""
    batches = select(func.coalesce(func.max(BatchRow.id), 0)).where(
        (BatchRow.kind == "plan") | BatchRow.producer.startswith(PREFIX)
    )
    counts = (select(func.count()).select_from(row) for row in (RunRow, ImportRow))
    return tuple(int(session.scalar(query) or 0) for query in (batches, *counts))
