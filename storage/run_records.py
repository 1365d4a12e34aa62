"""Run records other than plans: attempts at servers, starts by schedules, and forecasts."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from rollmill.ground.errors import RollmillError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Attempt
from rollmill.storage.commands import workers_of, working_on
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import AttemptRow, FiringRow, ForecastRow
from rollmill.storage.ledger.owners import Owner, this_process
from rollmill.storage.schedules import DUE


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """Attempts of one outcome at one replica, over all batches of a run. Times are seconds since 1970."""

    replica: str
    outcome: str
    count: int
    seconds: float
    first_at: float
    last_at: float


class Attempts:
    """The attempts of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, run_id: str, batch_id: str, attempts: Sequence[Attempt]) -> None:
        """Add to the sums of a batch."""
        if not attempts:
            return
        # Not durable, as the sums are only shown: no request has to wait for the disk.
        with self._ledger.write(durable=False) as session:
            now = self._ledger.now(session)
            for attempt in attempts:
                key = (run_id, batch_id, attempt.replica, attempt.outcome)
                row = session.get(AttemptRow, key)
                if row is None:
                    names = dict(zip(("run_id", "batch_id", "replica", "outcome"), key, strict=True))
                    row = AttemptRow(**names, count=0, seconds=0.0, first_at=now)
                    session.add(row)
                row.count += attempt.count
                row.seconds += attempt.seconds
                row.last_completion, row.last_at = attempt.completion_id, now

    def of(self, run_id: str) -> list[AttemptCount]:
        """The sums of a run, by replica and outcome."""
        row = AttemptRow
        sums = (func.sum(row.count), func.sum(row.seconds), func.min(row.first_at), func.max(row.last_at))
        question = select(row.replica, row.outcome, *sums).where(row.run_id == run_id).group_by(row.replica, row.outcome)
        with self._ledger.read() as session:
            rows = session.execute(question.order_by(row.replica, row.outcome)).all()
        return [AttemptCount(replica, outcome, int(count), *times) for replica, outcome, count, *times in rows]

    def failed(self, run_id: str) -> dict[str, int]:
        """Number of failed attempts of a run, by batch."""
        row = AttemptRow
        question = select(row.batch_id, func.sum(row.count)).where(row.run_id == run_id, row.outcome != "ok")
        with self._ledger.read() as session:
            return {batch: int(count) for batch, count in session.execute(question.group_by(row.batch_id)).all()}


UNFINISHED = ("failed", "interrupted", "killed")  # the next firing takes the same number and goes on
NOTHING_NEW = "nothing new"  # in the message of a firing that published no version
RECENT = 30  # firings of a schedule that pages show


@dataclass(frozen=True, slots=True)
class Firing:
    """A start of a schedule. `fresh`: the recipe key, `redraw` or `seed`, that is set to `number` at this start; None for
    an unchanged recipe.

    `status`: due (not begun yet), running, done, refused (by the gate or an alert), stopped (by a limit), failed,
    interrupted, killed, or skipped (the previous start was still running). `recipe`: the recipe with every default, at the
    time of the start. `flow_run`: Prefect's id of it; None for a further attempt. `starts`: processes started for it.
    """

    id: int
    schedule: str
    fresh: str | None
    number: int | None
    status: str
    said: str
    fired_at: datetime
    run: str | None = None
    recipe: Mapping[str, Any] | None = None
    ended_at: datetime | None = None
    flow_run: str | None = None
    starts: int = 0

    @property
    def unfinished(self) -> bool:
        """True for a firing that the next one continues."""
        return self.status in UNFINISHED

    @property
    def state(self) -> str:
        """Status shown to the user: `nothing new` for a firing that is done and published no version."""
        return NOTHING_NEW if self.status == "done" and NOTHING_NEW in self.said else self.status


class Firings:
    """The firings of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def under_way(self, schedule: str) -> Iterator[None]:
        """Hold a lease by which other hosts see that this process lives; around all of a firing."""
        with working_on(self._ledger.leases, _lease(schedule)):
            yield

    def due(self, schedule: str, recipe: str, flow_run: str, due: float | None = None) -> bool:
        """Write down that a schedule is due, before anything is started for it; the same flow run is written once. True if
        it has not begun. `due`: seconds since 1970.
        """
        me = this_process()
        with self._ledger.write() as session:
            row = session.scalar(select(FiringRow).where(FiringRow.flow_run == flow_run))
            if row is None:
                row = FiringRow(schedule=schedule, recipe=recipe, status=DUE, said="", flow_run=flow_run, starts=1)
                row.fired_at = self._ledger.now(session) if due is None else due
                session.add(row)
            if row.status == DUE:
                row.host, row.pid, row.started = me.host, me.pid, me.started
            return row.status == DUE

    def may_begin(self, flow_run: str | None) -> bool:
        """False for a firing that has begun or ended before: one flow run makes one firing."""
        with self._ledger.read() as session:
            status = session.scalar(select(FiringRow.status).where(FiringRow.flow_run == flow_run))
        return status in (None, DUE)

    def waiting(self) -> list[tuple[Firing, bool]]:
        """The firings that are due and have not begun, each with True if the process that wrote it down lives."""
        question = select(FiringRow).where(FiringRow.status == DUE).order_by(FiringRow.id)
        with self._ledger.read() as session:
            rows = list(session.scalars(question))
        return [(_firing(row, ()), Owner(row.host, row.pid, row.started).alive() is not False) for row in rows]

    def repeat(self, firing: int, flow_run: str) -> None:
        """Record that a firing that had not begun is started again, as this flow run and by this process."""
        me = this_process()
        with self._ledger.write() as session:
            row = session.get_one(FiringRow, firing)
            row.flow_run, row.starts = flow_run, row.starts + 1
            row.host, row.pid, row.started = me.host, me.pid, me.started

    def end_waiting(self, firing: int, status: str, message: str) -> bool:
        """Record the end of a firing that had not begun; False if it has begun since."""
        with self._ledger.write() as session:
            row = session.get_one(FiringRow, firing)
            if row.status != DUE:
                return False
            row.status, row.said, row.ended_at = status, message, self._ledger.now(session)
            return True

    def settle_killed(self, message: str) -> list[Firing]:
        """Record the end of those whose process on this host is gone; each is given once."""
        question = select(FiringRow).where(FiringRow.status == "running")
        settled = []
        with self._ledger.write() as session:
            for row in session.scalars(question):
                if Owner(row.host, row.pid, row.started).alive() is False:
                    row.status, row.said, row.ended_at = "killed", message, self._ledger.now(session)
                    settled.append(_firing(row, ()))
        return settled

    def begin(
        self, schedule: str, recipe: str, fresh: str | None = None, above: int = 0, flow_run: str | None = None
    ) -> Firing:
        """Write down a start by this process. A fresh one gets the number of the last, if that is unfinished, else the
        next that no firing of this recipe had (of whichever schedule), which is more than `above`.

        `flow_run`: that of the firing which was written down as due; a second attempt gets an entry of its own.
        """
        last = self.last(schedule)
        me = this_process()
        with self._ledger.write() as session:
            number = None
            if fresh is not None and last is not None and last.fresh == fresh and last.unfinished:
                number = last.number
            elif fresh is not None:
                # Under the write lock, so that two schedules of a recipe never take one number.
                had = select(func.max(FiringRow.number)).where(FiringRow.recipe == recipe, FiringRow.fresh == fresh)
                number = max(above, session.scalar(had) or 0) + 1
            row = None if flow_run is None else session.scalar(select(FiringRow).where(FiringRow.flow_run == flow_run))
            if row is not None and row.status != DUE:
                if Owner(row.host, row.pid, row.started) != me:
                    raise RollmillError(f"this firing of {schedule!r} has begun in another process.")
                row, flow_run = None, None  # a further attempt of this process
            row = row or FiringRow(schedule=schedule, recipe=recipe, flow_run=flow_run, starts=1)
            row.fresh, row.number, row.status, row.said = fresh, number, "running", ""
            row.host, row.pid, row.started = me.host, me.pid, me.started
            row.fired_at = self._ledger.now(session)
            session.add(row)
            session.flush()
            return _firing(row, (me,))

    def keep_recipe(self, firing: int, recipe: Mapping[str, Any]) -> None:
        """Store the recipe of a firing: its file may change later."""
        with self._ledger.write() as session:
            session.get_one(FiringRow, firing).resolved = canonical_json(recipe)

    def end(self, firing: int, status: str, message: str, run: str | None) -> None:
        """Record the end of a firing."""
        with self._ledger.write() as session:
            row = session.get_one(FiringRow, firing)
            row.status, row.said, row.run_id, row.ended_at = status, message, run, self._ledger.now(session)

    def skip(self, schedule: str, recipe: str, message: str, flow_run: str | None = None) -> Firing:
        """Record that a schedule was due and was skipped."""
        begun = self.begin(schedule, recipe, flow_run=flow_run)
        self.end(begun.id, "skipped", message, None)
        return replace(begun, status="skipped", said=message)

    def miss(self, schedule: str, recipe: str, due: float, message: str) -> Firing:
        """Record as skipped a time (in seconds since 1970) at which nothing was there to fire the schedule."""
        with self._ledger.write() as session:
            row = FiringRow(schedule=schedule, recipe=recipe, status="skipped", said=message, starts=0)
            me = this_process()
            row.host, row.pid, row.started = me.host, me.pid, me.started
            row.fired_at = row.ended_at = due
            session.add(row)
            session.flush()
            return _firing(row, ())

    def last(self, schedule: str) -> Firing | None:
        """The newest firing of a schedule that began and was not skipped; None without one."""
        mine = select(FiringRow).where(FiringRow.schedule == schedule, FiringRow.status.not_in(("skipped", DUE)))
        with self._ledger.read() as session:
            row = session.scalar(mine.order_by(FiringRow.id.desc()).limit(1))
        return None if row is None else self._with_killed_status([row])[0]

    def recent(self, schedule: str, most: int = RECENT) -> list[Firing]:
        """The last firings of a schedule, the newest first."""
        mine = select(FiringRow).where(FiringRow.schedule == schedule).order_by(FiringRow.id.desc()).limit(most)
        with self._ledger.read() as session:
            rows = list(session.scalars(mine))
        return self._with_killed_status(rows)

    def counted(self) -> tuple[int, int]:
        """Number of firings that began, and of those that ended: it changes with each beginning and each end."""
        with self._ledger.read() as session:
            begun, ended = session.execute(select(func.count(FiringRow.id), func.count(FiringRow.ended_at))).one()
            waiting = session.scalar(select(func.count(FiringRow.id)).where(FiringRow.status == DUE)) or 0
        return int(begun) - waiting, int(ended)

    def _with_killed_status(self, rows: Sequence[FiringRow]) -> list[Firing]:
        running = [row for row in rows if row.status == "running"]
        # All rows are of one schedule, so the first one names its lease.
        workers = workers_of(self._ledger.leases).get(_lease(running[0].schedule), []) if running else []
        return [_firing(row, workers) for row in rows]


def _lease(schedule: str) -> str:
    return f"schedule/{schedule}"


def _firing(row: FiringRow, workers: Collection[Owner]) -> Firing:
    """`workers`: the processes that work on its schedule, of this host and of others."""
    owner = Owner(row.host, row.pid, row.started)
    # On another host `alive` is None, and the lease decides.
    dead = row.status == "running" and not owner.alive() and owner not in workers
    status = "killed" if dead else row.status
    fired_at = datetime.fromtimestamp(row.fired_at, UTC)
    recipe = None if row.resolved is None else json.loads(row.resolved)
    ended_at = None if row.ended_at is None else datetime.fromtimestamp(row.ended_at, UTC)
    known = (row.id, row.schedule, row.fresh, row.number, status, row.said, fired_at, row.run_id, recipe, ended_at)
    return Firing(*known, row.flow_run, row.starts)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast. `score` and `run` are None until a run of the recipe has ended."""

    id: int
    recipe_hash: str
    name: str
    source: str
    forecast: dict[str, Any]
    made_at: datetime
    run: str | None = None
    score: dict[str, Any] | None = None


class Forecasts:
    """The forecasts of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, recipe_hash: str, name: str, source: str, forecast: dict[str, Any]) -> Forecast:
        """Store a forecast."""
        with self._ledger.write() as session:
            row = ForecastRow(recipe_hash=recipe_hash, name=name, source=source, forecast=forecast)
            row.made_at, row.score = self._ledger.now(session), None
            session.add(row)
            session.flush()
            return _forecast(row)

    def score(self, forecast_id: int, run: str, score: dict[str, Any]) -> Forecast:
        """Store the score of a forecast; the first score counts."""
        with self._ledger.write() as session:
            row = session.get_one(ForecastRow, forecast_id)
            if row.score is None:
                row.run_id, row.score, row.scored_at = run, score, self._ledger.now(session)
            return _forecast(row)

    def list(self) -> "list[Forecast]":
        """All forecasts, the latest first."""
        with self._ledger.read() as session:
            return [_forecast(row) for row in session.scalars(select(ForecastRow).order_by(ForecastRow.id.desc()))]

    def of_run(self, run: str) -> Forecast | None:
        """The scored forecast of a run, the latest made of several."""
        return next((forecast for forecast in self.list() if forecast.run == run), None)


def _forecast(row: ForecastRow) -> Forecast:
    made_at = datetime.fromtimestamp(row.made_at, UTC)
    return Forecast(row.id, row.recipe_hash, row.name, row.source, row.forecast, made_at, row.run_id, row.score)
