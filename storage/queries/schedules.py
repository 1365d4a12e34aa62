"""The schedules of a workspace: their next firings, the results of the last ones, and the state of the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from storage.queries.reader import Reader
from storage.run_records import Firing
from storage.schedules import Schedule, Schedules
from storage.standing import Service, look

MOST_FILES = 200  # recipes offered
_MARKS = ("recipe_schema:", "evaluation_schema:")
_HEAD = 4_000  # characters in which a file must identify itself as a recipe


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule with its next five times (empty while it is paused or waiting) and its last five firings."""

    schedule: Schedule
    next_five: Sequence[datetime]
    last_five: Sequence[Firing]


def schedules(reader: Reader) -> list[ScheduleRow]:
    """Every schedule, the next to fire first; schedules without a time last, by name."""
    now = datetime.now(UTC)
    rows = [
        ScheduleRow(item, list(islice(item.times(now), 5)), reader.firings.recent(item.name))
        for item in Schedules(reader.state_folder).all()
    ]
    return sorted(rows, key=lambda row: (not row.next_five, row.next_five[:1], row.schedule.name))


def service(reader: Reader) -> Service:
    """State of the server that runs the schedules."""
    return look(reader.state_folder)


def recipe_files(reader: Reader) -> list[str]:
    """The recipes and evaluations of the workspace, as paths in it."""
    places = [*reader.root.glob("*.yaml"), *(reader.root / "recipes").rglob("*.yaml")]
    return sorted(str(path.relative_to(reader.root)) for path in places if _is_recipe(path))[:MOST_FILES]


def _is_recipe(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return any(line.startswith(_MARKS) for line in file.read(_HEAD).splitlines())
    # a file that is missing or unreadable is not offered
    except OSError:
        return False
