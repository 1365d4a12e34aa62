"""A workspace opened for reading: DuckDB connections over its rows, its runs, and its published dataset versions.

Each connection is in memory and sees the segments registered when it was made; it takes no lock that a writer could wait
for. Versions are read from the git-tracked index and their folders. Rows missing in a clone are reported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rollmill.ground.errors import RollmillError
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.views import select
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from rollmill.ground.records import Verdict
    from rollmill.storage.audits import Audits, Verifiers
    from rollmill.storage.run_records import Attempts, Firings, Forecasts
    from rollmill.storage.runs import Run, Runs, StageProgress
    from rollmill.storage.spending import Spending
    from rollmill.storage.trainings import Trainings
    from rollmill.storage.trainings.experiments import Experiments
    from rollmill.storage.versions.diff import VersionDiff
    from rollmill.storage.versions.resolve import VersionInfo


class Reader:
    """Entry point of every query. Open it once and use it from any thread; close it, or use it as a context manager."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @classmethod
    def open(cls, path: Path | str | None = None) -> Self:
        """The workspace at or above `path` (default: here); SetupError without one."""
        return cls(Workspace.open(None if path is None else Path(path)))

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self._workspace.root

    @property
    def datasets(self) -> Path:
        """The folder of the dataset versions."""
        return self._workspace.datasets

    @property
    def models(self) -> Path:
        """The folder of the model versions."""
        return self._workspace.models

    @property
    def trainings(self) -> "Trainings":
        """The trainings in the ledger."""
        return self._workspace.trainings

    @property
    def experiments(self) -> "Experiments":
        """The trials and loops."""
        return self._workspace.experiments

    @property
    def state_folder(self) -> Path:
        """The folder of the workspace's own files."""
        return self._workspace.state

    @property
    def firings(self) -> "Firings":
        """The firings of its schedules."""
        return self._workspace.firings

    def scratch(self) -> Path:
        """A folder of the workspace for files that may be deleted at any time."""
        folder = self._workspace.state / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def runs(self) -> "Runs":
        """The runs in the ledger."""
        return self._workspace.runs

    def with_killed_status(self, listed: "list[Run]") -> "list[Run]":
        """The runs, with the status `killed` for a run whose process was killed."""
        from rollmill.storage.commands import with_killed_status

        return with_killed_status(self.runs, self._workspace.ledger.leases, listed)

    def run_of_process(self, pid: int) -> str | None:
        """The run that a process of this host works on; None while it works on none."""
        from rollmill.storage.commands import workers_of

        workers = workers_of(self._workspace.ledger.leases)
        return next((run for run, owners in workers.items() if any(o.pid == pid and o.alive() for o in owners)), None)

    @property
    def verifiers(self) -> "Verifiers":
        """The verifier versions of this workspace, with the words of their rules."""
        return self._workspace.verifiers

    @property
    def audits(self) -> "Audits":
        """The audits of verifiers and people's judgements: the one part that a page may write to, through review."""
        return self._workspace.audits

    @property
    def spending(self) -> "Spending":
        """Spending of runs."""
        return self._workspace.spending

    @property
    def attempts(self) -> "Attempts":
        """The attempts of runs at their engines."""
        return self._workspace.attempts

    @property
    def forecasts(self) -> "Forecasts":
        """Forecasts of runs, and their scores."""
        return self._workspace.forecasts

    def fetch(self, kind: Kind, ids: Sequence[str]) -> list[Any]:
        """The stored problems or completions with these ids, in their order; unknown ids are left out."""
        return self._workspace.segments.fetch(kind, ids)

    def verdicts(self, verifiers: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> "list[Verdict]":
        """The stored verdicts of these verifiers on these (completion id, problem id)."""
        return self._workspace.segments.fetch_verdicts(verifiers, pairs)

    def connection(self, views: Iterable[Kind] = ()) -> "duckdb.DuckDBPyConnection":
        """A connection with one view per wanted kind over the registered segments; the caller closes it."""
        connection = self._workspace.segments.connection()
        for kind in views:
            connection.execute(f"CREATE VIEW {kind} AS {self.rows(kind)}")
        return connection

    def rows(self, kind: Kind, producer: str | None = None) -> str:
        """SELECT of all rows of a kind, or of one producer's; a kind without segments gives no rows."""
        store = self._workspace.segments
        segments = store.readable(store.registry.segments(kind))
        return select(kind, [segment for segment in segments if producer in (None, segment.producer)], store.path)

    def count(self, kind: Kind, producer: str | None = None) -> int:
        """Number of rows of a kind, or of one producer's, from the ledger alone."""
        store = self._workspace.segments
        segments = store.readable(store.registry.segments(kind))
        return sum(segment.rows for segment in segments if producer in (None, segment.producer))

    def state(self) -> tuple[object, ...]:
        """Fingerprint of the registered segments and the runs' status: equal states give equal answers. Reads no
        rollout."""
        from sqlalchemy import func, select

        from rollmill.storage.ledger.models import AuditRow, BatchRow, JudgementRow, RunRow, SegmentRow

        # Counts beside the highest numbers: retiring or losing a segment may leave the highest number unchanged.
        newest = select(
            func.count(SegmentRow.seq), func.max(SegmentRow.seq), select(func.max(BatchRow.id)).scalar_subquery()
        )
        ended = select(func.count(RunRow.id), func.max(RunRow.finished_at), func.count(RunRow.finished_at))
        audits = select(func.count(AuditRow.id)).scalar_subquery()
        judged = select(func.count(JudgementRow.judge), func.max(JudgementRow.judged_at), audits)
        with self._workspace.segments.registry.ledger.read() as session:
            return tuple(value for query in (newest, ended, judged) for value in session.execute(query).one())

    def close(self) -> None:
        """Release connections; safe to call twice."""
        self._workspace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def runs(reader: Reader) -> "list[Run]":
    """All runs, the latest first, pilots last. A run without a live process is `killed`."""
    return sorted(reader.with_killed_status(reader.runs.list()), key=lambda run: run.is_pilot)


def run_progress(reader: Reader, run_id: str) -> "list[StageProgress]":
    """The stages of a run in working order; SetupError for an unknown run."""
    # An unknown run has no stages either: this raises instead of returning an empty list.
    reader.runs.get(run_id)
    # older runs call the stage "select" "decide"
    names = ("synthesize", "draw", "verify", "score", "decide", "select", "gate", "publish")
    order = {name: place for place, name in enumerate(names)}
    stages = reader.runs.progress_of(run_id)
    return sorted(stages, key=lambda stage: (order.get(stage.stage, len(order)), stage.stage))


def forecast_of(reader: Reader, run_id: str) -> "pd.DataFrame | None":
    """A row per quantity: median, ends of the 95% interval, actual value, whether it was inside; None without a
    forecast."""
    import pandas as pd

    forecast = reader.forecasts.of_run(run_id)
    if forecast is None or forecast.score is None:
        return None
    rows: list[dict[str, Any]] = []
    for name, score in forecast.score["quantities"].items():
        quantity = forecast.forecast["quantities"][name]
        row = {"quantity": name, **{key: quantity[key] for key in ("median", "low95", "high95")}}
        rows.append({**row, "actual": score["actual"], "held": score["inside95"]})
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset with its newest version (None if the index lists no version) and its number of versions."""

    name: str
    versions: int
    newest: "VersionInfo | None"


def datasets(reader: Reader) -> list[DatasetSummary]:
    """All datasets, by name."""
    from rollmill.storage.artifacts.index import artifact_names

    rows = []
    for name in artifact_names(reader.datasets):
        try:
            every = versions_of(reader, name)
        except RollmillError:  # the error of a broken index is shown when its dataset is chosen
            every = []
        rows.append(DatasetSummary(name, len(every), every[0] if every else None))
    return rows


def versions_of(reader: Reader, name: str) -> "list[VersionInfo]":
    """The versions of a dataset, the newest first; SetupError for an unknown dataset."""
    from rollmill.storage.versions.resolve import versions

    return versions(reader.datasets, name)[::-1]


def version_card(reader: Reader, reference: str) -> str:
    """The card of a version, Markdown."""
    return _file(reader, reference, "README.md")


def version_report(reader: Reader, reference: str) -> str:
    """The quality report of a version, one self-contained HTML page."""
    return _file(reader, reference, "report.html")


def version_manifest(reader: Reader, reference: str) -> dict[str, Any]:
    """The manifest of a version; available without the rows."""
    from rollmill.storage.versions.read import load_manifest
    from rollmill.storage.versions.resolve import resolve

    return load_manifest(resolve(reader.datasets, reference))


def compare(reader: Reader, before: str, after: str) -> "VersionDiff":
    """Difference of two versions."""
    from rollmill.storage.versions.diff import diff
    from rollmill.storage.versions.resolve import resolve

    return diff(resolve(reader.datasets, before), resolve(reader.datasets, after))


def _file(reader: Reader, reference: str, name: str) -> str:
    from rollmill.storage.versions.read import checked_text
    from rollmill.storage.versions.resolve import resolve

    return checked_text(resolve(reader.datasets, reference), name)
