"""What a question is about: one run, one dataset version or the whole workspace. Knows its size and prefix, not its SQL.

Questions are asked of the views in storage.queries.views and so written once for all three.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.queries import views
from storage.queries.reader import Reader
from storage.queries.views import View
from storage.runs import Run
from storage.segments.views import quoted

if TYPE_CHECKING:
    import duckdb

    from storage.versions import VersionInfo

IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Scope:
    """One run, dataset version or (with neither) the workspace to ask about.

    `prefix`: completions per problem fixed beforehand, which rates are over; None where all count (imports), 0 where the
    budget's draws allow no rate.
    `decided`: whether kept and reason are known. `arm`: the first of several arms, which alone rates are over; "" where the
    recipe has none.
    """

    reader: Reader
    name: str
    prefix: int | None
    decided: bool
    run: Run | None = None
    version: "VersionInfo | None" = None
    arm: str = ""

    @contextmanager
    def connection(self, *wanted: View) -> Iterator["duckdb.DuckDBPyConnection"]:
        """An in-memory connection with the wanted views of this scope."""
        connection = self.open(*wanted)
        try:
            yield connection
        finally:
            connection.close()

    def open(self, *wanted: View) -> "duckdb.DuckDBPyConnection":
        """The same connection for callers that keep it; they close it."""
        if self.version is not None:
            return _version_connection(self.version)
        connection = self.reader.connection()
        if self.run is not None:
            views.of_run(connection, self.reader, self.run, decided=self.decided, wanted=wanted)
        else:
            views.of_workspace(connection, self.reader)
        return connection

    def measured(self) -> str:
        """The SQL condition on `rollouts` that a rate is over: the fixed prefix, or everything."""
        if self.prefix is None:
            return "true"
        return f"sample_index < {self.prefix}" + (f" AND arm = {quoted(self.arm)}" if self.arm else "")

    def is_measured(self, sample_index: int, arm: str) -> bool:
        """The same of one rollout."""
        return self.prefix is None or (sample_index < self.prefix and arm == self.arm)


def run_scope(reader: Reader, run_id: str) -> Scope:
    """The scope of a run; SetupError where there is no such run."""
    run = reader.runs.get(run_id)
    planned, decided = reader.count("plan", run.id), reader.count("decisions", run.id)
    return Scope(reader, run.id, _prefix(run), decided=0 < planned <= decided, run=run, arm=first_arm(run.recipe))


def dataset_scope(reader: Reader, reference: str) -> Scope:
    """The scope of a dataset version (`name`, `name@v2`, `name@tag`); SetupError where it is unknown or not fetched."""
    from storage.versions import load_manifest, resolve

    info = resolve(reader.datasets, reference)
    manifest = load_manifest(info)
    prefix = manifest.get("metrics", {}).get("prefix")
    return Scope(reader, info.ref, prefix, decided=True, version=info, arm=first_arm(manifest.get("recipe", {})))


def first_arm(recipe: Mapping[str, Any]) -> str:
    """The name of a canonical recipe's first arm, "" where it has none."""
    arms = recipe.get("arms") or [{"name": ""}]
    return str(arms[0]["name"])


def workspace_scope(reader: Reader) -> Scope:
    """The scope of every completion in the workspace, planned by a run or only imported. Of several verifiers' verdicts a
    decided one counts; no rate over it is a measurement, because runs may have drawn adaptively.
    """
    return Scope(reader, "workspace", None, decided=False)


def _version_connection(info: "VersionInfo") -> "duckdb.DuckDBPyConnection":
    from storage.versions import open_version

    connection = open_version(info)  # says how to fetch rows that are not here
    views.of_version(connection)
    return connection


def _prefix(run: Run) -> int | None:
    """What the run recorded; of one older than that, what its budget's options say: 0 where they say nothing."""
    if "prefix" in run.recipe:
        recorded: int | None = run.recipe["prefix"]
        return recorded
    if run.recipe.get("generate", {}).get("engine") == IMPORTED:
        return None
    return int(run.recipe.get("budget", {}).get("options", {}).get("initial", 0))
