"""Rows of a run in the tables of a version: the kept rollouts of a finished run are data of a training or a mixture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from rollmill.flows.job import Job
from rollmill.flows.recipe.user_files import files_of
from rollmill.flows.training.training_recipe import RUN
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import pool_of
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.metrics import decision_counts
from rollmill.storage.queries import Reader
from rollmill.storage.queries.browse.why import run_of
from rollmill.storage.queries.scope import Scope, run_scope
from rollmill.storage.runs import BESIDE_RECIPE, Run
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.index import Entry
from rollmill.storage.versions.manifest import full_manifest
from rollmill.storage.versions.publish import VersionDraft
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from rollmill.storage.segments.keys import Kind


@dataclass(frozen=True)
class RunInfo(VersionInfo):
    """A run as a version that is not published. `name`: the run's id; `content_hash`: that of its rows."""

    @property
    def ref(self) -> str:
        """Reference of the run, `run arithmetic-3f9a0c1d`."""
        return f"{RUN}{self.name}"


def trained_run(ws: Workspace, text: str) -> Run:
    """The run of an id, or the newest of a dataset's name; SetupError for one whose kept rollouts are not to train on."""
    runs = ws.runs.list()
    ended = [run.id for run in runs if run.status == "done" and not run.recipe.get("cell")]
    known = run_of(Reader(ws), text)
    if known is None:
        raise unknown_name("run", text, ended, next_command="rollmill runs list")
    run = next(run for run in runs if run.id == known)
    # Training on what measures models would make every later evaluation worthless.
    if "cell" in run.recipe:
        evaluation = run.recipe["cell"]["evaluation"]
        raise SetupError(
            f"run {known} measures a model in the evaluation {evaluation!r}; a model is not trained on it.",
            choices=ended,
            next_command="name a run of rollmill curate",
        )
    if run.status != "done":
        why = "was refused by its gate" if run.refused else f"is not finished ({run.state})"
        raise SetupError(f"run {known} {why}.", choices=ended, next_command=run.next_command)
    if recorded_steps(run.recipe):
        raise SetupError(
            f"run {known} has named steps, whose threads are in its version alone.",
            next_command=f"versions: {{{run.dataset}: all}}",
        )
    return run


def run_version(ws: Workspace, run: Run, folder: Path) -> RunInfo:
    """A run's rows as a version in a folder of the caller's; equal rows have equal content hashes."""
    snapshot = run_snapshot(ws, run.id)
    counts = decision_counts(pool_of(snapshot.problems, snapshot.completions, snapshot.decisions))
    given = {**snapshot.manifest, "recipe_hash": run.recipe_hash, "counts": counts, "files": {}}
    manifest = full_manifest(Snapshot(run.id, **dict(snapshot.tables()), manifest=given), None)
    entry = Entry.of_manifest(0, manifest, run.finished_at or datetime.now(UTC))
    place = folder / run.id / entry.folder
    # Two references may name one run: its rows are written once, and the caller refuses the pair.
    if not place.exists():
        VersionDraft(snapshot, manifest, entry, {}).write(place)
    return RunInfo(**vars(entry), name=run.id, path=place, tags=(), yanked=None, signoffs=())


def run_snapshot(ws: Workspace, run_id: str) -> Snapshot:
    """The rows of a run that has decided, as the tables of a version; SetupError for an unknown or undecided one."""
    run = ws.runs.get(run_id)
    with Reader.open(ws.root) as reader:
        scope = run_scope(reader, run_id)
        if not scope.decided:
            raise SetupError(f"run {run_id} has not decided yet.", next_command=f"rollmill runs resume {run_id}")
        tables = _tables(scope, run.verifiers)
    # The command, the pilot and the resolved parts are of the run and not of the recipe.
    recipe = {key: value for key, value in run.recipe.items() if key not in BESIDE_RECIPE}
    base = Job.of_run(run.recipe["job"], ws.root).folder
    manifest = {
        "recipe": recipe,
        "user_files": files_of(recipe, base),
        "run": run_id,
        "verifiers": [{"name": name, "version": version} for name, version in run.verifiers],
        "metrics": {"prefix": scope.prefix},
    }
    return Snapshot(run_id, **tables, manifest=manifest)


def _tables(scope: Scope, chain: Sequence[tuple[str, str]]) -> "dict[Kind, pa.Table]":
    # Verdicts are limited to the recipe's verifiers: those of other runs would change the content hash.
    queries: dict[Kind, str] = {
        "decisions": "SELECT * FROM decided ORDER BY problem_id, completion_id",
        "problems": "SELECT DISTINCT ON (id) * FROM problems ORDER BY id",
        "completions": (
            "SELECT DISTINCT ON (id) * FROM completions WHERE id IN (SELECT completion_id FROM decided) ORDER BY id"
        ),
        "verdicts": (
            "SELECT DISTINCT ON (completion_id, problem_id, verifier, version) v.* FROM verdicts v SEMI JOIN decided d "
            "ON v.completion_id = d.completion_id AND v.problem_id = d.problem_id SEMI JOIN chain c "
            "ON v.verifier = c.name AND v.version = c.version ORDER BY completion_id, problem_id, verifier, version"
        ),
    }
    names, numbers = zip(*chain, strict=True)
    with scope.connection("problems", "completions", "verdicts") as connection:
        connection.register("chain", pa.table({"name": list(names), "version": list(numbers)}))
        tables = {kind: connection.sql(query).to_arrow_table() for kind, query in queries.items()}
    return {kind: table.select(SCHEMAS[kind].names).cast(SCHEMAS[kind]) for kind, table in tables.items()}
