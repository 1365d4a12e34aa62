"""Runs: named executions of a recipe with their committed plans, stops and progress. Knows neither budgets nor engines.

A run holds plans, not rows: each round's plan is a pair of segments (plan and stops) committed in one transaction, so a
resumed run reads the planned rows and draws only the missing ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import func, select

from rollmill.ground import failpoints
from rollmill.ground.errors import SetupError, no_runs, unknown_name
from rollmill.ground.records import PlanRow, StopRow
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import BatchRow, ProgressRow, RunBatchRow, RunRow
from rollmill.storage.segments.keys import Kind, SegmentKey

# Runs are listed from the ledger alone: the store's libraries take as long to import as all else of that.
if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.orm import Session

    from rollmill.storage.segments.keys import SentPrompt
    from rollmill.storage.segments.rows import Rows
    from rollmill.storage.segments.store import SegmentStore
    from rollmill.storage.segments.writing import Item

STATUSES = ("running", "done", "stopped", "failed", "interrupted", "dismissed")
PLAN_VERSION = "1"
FEW = 500  # runs that are read by their ids, and not among all of them


# Fields of a run beside its canonical recipe: the resolved parts, its fixed prefix, its command, its pilot.
BESIDE_RECIPE = frozenset({"resolved", "prefix", "job", "pilot", "cell"})


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the ledger. `status`: one of STATUSES, or `killed` (rollmill.storage.commands.with_killed_status)."""

    id: str
    name: str
    recipe: dict[str, Any]
    recipe_hash: str
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    pauses: tuple[tuple[float, float], ...] = ()

    def worked_until(self, at: datetime | float) -> float:
        """Seconds of work from the run's start to this time (seconds since 1970); pauses between commands do not count."""
        time = at.timestamp() if isinstance(at, datetime) else at
        idle = sum(max(0.0, min(time, end) - begin) for begin, end in self.pauses)
        return max(0.0, time - self.started_at.timestamp() - idle)

    @property
    def seconds(self) -> float | None:
        """Seconds in which its commands worked on it, from each one's first problem to its end; None before the end."""
        return None if self.finished_at is None else self.worked_until(self.finished_at)

    @property
    def state(self) -> str:
        """The status for people: a stopped run with its limit, a failed one with a refusal by its gate."""
        if self.status == "stopped":
            return f"stopped: {self.summary.get('stopped', 'limit')}"
        return "failed: gate" if self.refused else self.status

    @property
    def refused(self) -> bool:
        """True for a run refused by its gate: it is finished, and its counts are known."""
        return self.status == "failed" and "funnel" in self.summary

    @property
    def published(self) -> bool:
        """True for a run whose selected rollouts are a dataset version."""
        return "version" in self.summary

    @property
    def is_pilot(self) -> bool:
        """True for a pilot of `plan`, which is never the default run."""
        return "pilot" in self.recipe

    @property
    def verifiers(self) -> list[tuple[str, str]]:
        """(verifier, version) of its chain in order; empty for runs from before these were recorded."""
        return [(str(name), str(version)) for name, version in self.recipe.get("resolved", {}).get("verifiers", [])]

    @property
    def dataset(self) -> str:
        """The dataset published by it."""
        return str(self.recipe.get("dataset") or self.name)

    @property
    def error(self) -> str | None:
        """Reason of a failure, None without one."""
        return self.summary.get("error")

    @property
    def next_command(self) -> str:
        """Command for a person to type next: the one stored at the run's end, else the one for its status."""
        if self.status not in ("running", "killed") and "next" in self.summary:
            return str(self.summary["next"])
        if self.status == "done" and self.recipe.get("cell"):
            return f"rollmill leaderboard {self.recipe['cell']['evaluation']}"
        if self.status == "done":
            return f"rollmill dataset show {self.dataset}"
        return f"rollmill runs {'watch' if self.status == 'running' else 'resume'} {self.id}"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """Last report on one stage of a run.

    `detail`, from some stages: `made`, the committed rows that this run itself drew or judged (the others were stored
    before); `arrived`, the uncommitted part of `done`; `whole`, a forecast of the run's rows: median, low, high.
    """

    stage: str
    done: int
    total: int
    tokens: int
    seconds: float
    detail: dict[str, Any]
    updated_at: datetime

    @property
    def rate(self) -> float | None:
        """Rows per second, over the rows that it made itself; None if everything was stored already."""
        rows = int(self.detail.get("made", self.done)) + int(self.detail.get("arrived", 0))
        return rows / self.seconds if rows and self.seconds > 0 else None


# Names for the lists that methods return: inside Runs, `list` is a method.
Plans = list[Sequence[PlanRow]]
Stops = list[StopRow]
Items = list["Item"]
Keys = list[SegmentKey]
Reports = list[StageProgress]
Times = list[tuple[str, str, int, float]]
Ended = tuple[str, str, float]  # an ended run: its id, its status and its end


class Runs:
    """The runs of one workspace. `store`: gives the segments of their plans, once they are needed."""

    def __init__(self, ledger: Ledger, store: "Callable[[], SegmentStore]") -> None:
        self._ledger = ledger
        self._store = store
        self._ended: dict[Ended, Run] = {}  # parsed once: the recipes and summaries of 1,000 runs are 6 MB of JSON

    @cached_property
    def _segments(self) -> "SegmentStore":
        return self._store()

    def open(self, run_id: str, *, name: str, recipe: dict[str, Any], recipe_hash: str, worked: float | None = 0.0) -> Run:
        """Create a run, or resume the one with this id: its status is running again, its start stays.

        `worked`: seconds of this command before the run had an id; they belong to the run. The time between them and the
        end of the previous command is a pause. None: another command works on the run, so there is no pause.
        """
        with self._ledger.write() as session:
            row, began = session.get(RunRow, run_id), self._ledger.now(session) - (worked or 0.0)
            if row is None:
                row = RunRow(id=run_id, name=name, recipe=recipe, recipe_hash=recipe_hash, status="running")
                row.started_at, row.finished_at, row.summary, row.pauses = began, None, {}, []
                session.add(row)
            elif row.recipe_hash != recipe_hash:
                raise SetupError(
                    f"run {run_id!r} belongs to another recipe ({row.recipe_hash[:8]}, not {recipe_hash[:8]})."
                )
            else:
                ended = _last_sign(session, row)
                if worked is not None and ended < began:
                    row.pauses = [*row.pauses, [ended, began]]
                row.status, row.finished_at = "running", None
            return _run(row)

    def get(self, run_id: str) -> Run:
        """The run; SetupError with the nearest known id if there is none."""
        with self._ledger.read() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                known = session.execute(select(RunRow.id, RunRow.recipe)).all()
                raise _unknown_run(run_id, {name: recipe.get("cell") for name, recipe in known})
            return _run(row)

    def list(self) -> list[Run]:
        """All runs, the latest first."""
        with self._ledger.read() as session:
            known = session.execute(
                select(RunRow.id, RunRow.status, RunRow.finished_at).order_by(RunRow.started_at.desc(), RunRow.id)
            ).all()
            unread = [run for run, status, ended in known if ended is None or (run, status, ended) not in self._ended]
            query = select(RunRow)
            if len(unread) <= FEW:
                query = query.where(RunRow.id.in_(unread))
            rows = session.scalars(query).all()
            read = {row.id: _run(row) for row in rows}
            self._ended |= {
                (row.id, row.status, row.finished_at): read[row.id] for row in rows if row.finished_at is not None
            }
        return [read.get(run) or self._ended[run, status, ended] for run, status, ended in known]

    def chosen(self, name: str | None) -> Run:
        """The run of that id, or the newest one of the recipe of that name, running ones first.

        Without a name the newest run that is not a pilot. SetupError if there is none.
        """
        if name is None:
            known = self._urgent_first()
            if not known:
                raise no_runs()
            return known[0]
        try:
            return self.get(name)
        except SetupError:
            of_recipe = [run for run in self._urgent_first() if run.name == name and not run.is_pilot]
            if not of_recipe:
                raise
            return of_recipe[0]

    def _urgent_first(self) -> Sequence[Run]:
        """Runs before pilots, running ones first; the newest come first, and stay first among equals."""
        return sorted(self.list(), key=lambda run: (run.is_pilot, run.status != "running"))

    def commit_plan(
        self,
        run_id: str,
        round_index: int,
        rows: Sequence[PlanRow],
        stops: Sequence[StopRow],
        prompts: "Sequence[SentPrompt]" = (),
    ) -> None:
        """Commit the planned rows and stops of a round together, with the prompts that the rows name; of two commits of one
        round the first counts.
        """
        items: Items = [(_key("plan", run_id, round_index), rows), (_key("stops", run_id, round_index), stops)]
        items += [(_key("prompts", run_id, round_index), prompts)] if prompts else []
        self._segments.commit_many(items, run=run_id)
        failpoints.hit("plan.committed")

    def extend(self, run_id: str, end: int, rows: Sequence[PlanRow], prompts: "Sequence[SentPrompt]" = ()) -> None:
        """Extend a run that ended at the empty round `end` by these rows; of two extensions the first counts."""
        key = _key("plan", run_id, end)
        items: Items = [(key, rows), *([(_key("prompts", run_id, end), prompts)] if prompts else [])]
        self._segments.commit_many(
            items, run=run_id, before=lambda session: self._segments.registry.forget_empty(session, key)
        )
        failpoints.hit("plan.committed")

    def prompts(self, run_id: str) -> "pa.Table":
        """The prompts that the rows of a run's plans name, each once."""
        rows = self._segments.read("prompts", producer=run_id, version=PLAN_VERSION)
        return rows.group_by(["id"]).aggregate([("messages", "min")]).rename_columns(["id", "messages"])

    def plans(self, run_id: str, since: int = 0) -> Plans:
        """The committed plans from round `since` on, up to the first uncommitted round."""
        # Counted before the rows are read: a round committed in between must not look like an empty one, the end.
        rounds = self.rounds(run_id)
        stored: Rows[PlanRow] = self._segments.rows(
            "plan", producer=run_id, version=PLAN_VERSION, where=f"round >= {since}"
        )
        return [stored.where("round", number).sorted_by("batch", "ordinal") for number in range(since, rounds)]

    def stops(self, run_id: str) -> Stops:
        """Reasons for which the run's budget stopped drawing, problem by problem, in the order of the rounds."""
        from rollmill.storage.segments.schema import from_table

        rounds = self.rounds(run_id)
        rows: list[StopRow] = from_table("stops", self._segments.read("stops", producer=run_id, version=PLAN_VERSION))
        return sorted((row for row in rows if row.round < rounds), key=lambda row: row.round)

    def rounds(self, run_id: str) -> int:
        """Number of rounds with a committed plan, up to the first gap."""
        with self._ledger.read() as session:
            ids = session.execute(
                select(BatchRow.kind, BatchRow.batch_id).where(
                    BatchRow.kind.in_(("plan", "stops")), BatchRow.producer == run_id, BatchRow.version == PLAN_VERSION
                )
            ).all()
        known = {(kind, batch) for kind, batch in ids}
        count = 0
        # A round whose plan was lost and the rounds behind it are planned anew.
        while {("plan", f"round-{count}"), ("stops", f"round-{count}")} <= known:
            count += 1
        return count

    def batches(self, run_id: str) -> Keys:
        """The batches that the run made or used, in the order in which they were registered."""
        with self._ledger.read() as session:
            rows = session.scalars(
                select(BatchRow).join(RunBatchRow, RunBatchRow.batch == BatchRow.id).where(RunBatchRow.run_id == run_id)
            ).all()
        rows = sorted(rows, key=lambda row: row.id)
        return [SegmentKey(cast("Kind", row.kind), row.producer, row.version, row.batch_id) for row in rows]

    def batch_times(self, run_id: str) -> Times:
        """(kind, batch id, rows, seconds since 1970) of the run's batches and plans, in the order in which they came."""
        mine = select(RunBatchRow.batch).where(RunBatchRow.run_id == run_id)
        chosen = BatchRow.id.in_(mine) | ((BatchRow.producer == run_id) & (BatchRow.kind == "plan"))
        columns = (BatchRow.kind, BatchRow.batch_id, BatchRow.rows, BatchRow.created_at)
        with self._ledger.read() as session:
            return [tuple(row) for row in session.execute(select(*columns).where(chosen).order_by(BatchRow.created_at))]

    def progress(  # noqa: PLR0913 (a report's fields, all by name)
        self,
        run_id: str,
        stage: str,
        *,
        done: int,
        total: int,
        tokens: int = 0,
        seconds: float = 0.0,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Report the progress of a stage; the last report counts."""
        with self._ledger.write(durable=False) as session:
            session.merge(
                ProgressRow(
                    run_id=run_id,
                    stage=stage,
                    done=done,
                    total=total,
                    tokens=tokens,
                    seconds=seconds,
                    detail=detail or {},
                    updated_at=self._ledger.now(session),
                )
            )

    def progress_of(self, run_id: str) -> Reports:
        """The last report of every stage, in the order of their names."""
        with self._ledger.read() as session:
            rows = session.scalars(select(ProgressRow).where(ProgressRow.run_id == run_id).order_by(ProgressRow.stage))
            return [
                StageProgress(row.stage, row.done, row.total, row.tokens, row.seconds, row.detail, _time(row.updated_at))
                for row in rows
            ]

    def finish(self, run_id: str, status: str, summary: dict[str, Any]) -> None:
        """Record the end of a run (or, with "running", its summary so far)."""
        if status not in STATUSES:
            raise unknown_name("run status", status, STATUSES)
        with self._ledger.write() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                known = session.scalars(select(RunRow.id)).all()
                raise unknown_name("run", run_id, known, next_command="rollmill runs list")
            row.status, row.summary = status, summary
            row.finished_at = None if status == "running" else self._ledger.now(session)

    def end_unattended(self, run_id: str, status: str) -> None:
        """End a run on which no process works; a killed one ended with its last report. Its summary stays."""
        with self._ledger.write() as session:
            row = session.get_one(RunRow, run_id)
            row.status, row.finished_at = status, _last_sign(session, row)


def _key(kind: Kind, run_id: str, round_index: int) -> SegmentKey:
    return SegmentKey(kind, run_id, PLAN_VERSION, f"round-{round_index}")


def _last_sign(session: "Session", row: RunRow) -> float:
    """End of a run's last command: as recorded, or the last report of a killed one."""
    if row.finished_at is not None:
        return row.finished_at
    reported = session.scalar(select(func.max(ProgressRow.updated_at)).where(ProgressRow.run_id == row.id))
    return max(row.started_at, reported or 0.0)


def _unknown_run(name: str, known: Mapping[str, Mapping[str, Any] | None]) -> SetupError:
    """The error for a name that is no run's; `known`: the cell of an evaluation that each run is, None for other runs."""
    cells = [run for run, cell in known.items() if cell and cell["evaluation"] == name]
    if cells:
        what = f"{name} is an evaluation of {len(cells)} cells, each of them a run."
        return SetupError(what, next_command=f"rollmill leaderboard {name}, or rollmill runs list --cells")
    # An evaluation may have hundreds of cells.
    apart = [run for run, cell in known.items() if not cell]
    return unknown_name("run", name, apart or known, next_command="rollmill runs list")


def _run(row: RunRow) -> Run:
    finished = None if row.finished_at is None else _time(row.finished_at)
    pauses = tuple((begin, end) for begin, end in row.pauses)
    summary, started = row.summary, _time(row.started_at)
    return Run(row.id, row.name, row.recipe, row.recipe_hash, row.status, started, finished, summary, pauses)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
