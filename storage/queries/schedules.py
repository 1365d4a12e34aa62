"""The schedules of a workspace: their next firings, the results of the last ones, and the state of the server."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

from rollmill.kinds import kinds
from rollmill.storage.ledger.owners import this_process
from rollmill.storage.queries.reader import Reader
from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import DUE, Schedule, Schedules
from rollmill.storage.standing import Service, look

MOST_FILES = 200  # recipes offered
MOST_DUE = 48  # firings of the next 24 hours that are listed
_HEAD = 4_000  # characters in which a file must identify itself as a recipe


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule with its next times and its last firings, the newest first.

    `next_five` and `next_day` (the next 24 hours, at most MOST_DUE times) are empty while it is paused or waiting.
    """

    schedule: Schedule
    next_five: Sequence[datetime]
    next_day: Sequence[datetime]
    firings: Sequence[Firing]

    @property
    def last(self) -> Firing | None:
        """The newest firing that began and was not skipped; None without one."""
        return next((firing for firing in self.firings if firing.status not in ("skipped", DUE)), None)

    def goes_on(self, firing: Firing) -> bool:
        """True for the newest firing if it is unfinished: the next one has its number and continues its run."""
        return firing == self.last and firing.unfinished


def schedules(reader: Reader) -> list[ScheduleRow]:
    """Every schedule, the next to fire first; schedules without a time last, by name."""
    rows = [_row(reader, item, datetime.now(UTC)) for item in Schedules(reader.state_folder).all()]
    return sorted(rows, key=lambda row: (not row.next_five, row.next_five[:1], row.schedule.name))


def _row(reader: Reader, item: Schedule, now: datetime) -> ScheduleRow:
    times = list(islice(item.times(now), MOST_DUE))
    day = list(takewhile(lambda when: when <= now + timedelta(days=1), times))
    return ScheduleRow(item, times[:5], day, reader.firings.recent(item.name))


def service(reader: Reader) -> Service:
    """State of the server that runs the schedules."""
    return look(reader.state_folder)


def is_parent(state: Service) -> bool:
    """True if the standing server started this process, which then ends with it."""
    if state.standing is None:
        return False
    owner = state.standing.process
    return (owner.host, owner.pid) == (this_process().host, os.getppid())


def scheduled_files(reader: Reader) -> list[str]:
    """The recipes of the workspace that a schedule can fire, as paths in it."""
    return recipe_files(reader, tuple(f"{kind.recipe.key}:" for kind in kinds() if kind.recipe and kind.firing))


def recipe_files(reader: Reader, marks: tuple[str, ...]) -> list[str]:
    """The files of the workspace with a line that begins with one of these, as paths in it."""
    places = [*reader.root.glob("*.yaml"), *(reader.root / "recipes").rglob("*.yaml")]
    return sorted(str(path.relative_to(reader.root)) for path in places if _is_recipe(path, marks))[:MOST_FILES]


def _is_recipe(path: Path, marks: tuple[str, ...]) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return any(line.startswith(marks) for line in file.read(_HEAD).splitlines())
    # a file that is missing or unreadable is not offered
    except OSError:
        return False
