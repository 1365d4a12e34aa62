"""The schedules of a workspace: a small JSON file read by `up`, so they outlive Prefect's home.

Every change is made under a file lock; readers see the file before or after it, never half of it.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from storage.ground.errors import SetupError, unknown_name
from storage.ground.files import locked, write_text

UNITS = {"m": 60, "h": 3600}
DUE = "due"  # status of a firing that has not begun
NIGHTLY = '--cron "0 2 * * *" (every night at two)'


@dataclass(frozen=True, slots=True)
class Notify:
    """Recipient of the news of a firing's end. `command`: a program with its arguments, which reads the end as JSON.
    `webhook`: the environment variable with the address of a server, as such an address is a secret.
    """

    command: str | None = None
    webhook: str | None = None
    when: Literal["failure", "always"] = "failure"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: a recipe that is curated, evaluated, mixed or swept at each time or event that `cron`, `every` (seconds)
    or `on` names. Paths are absolute.

    `timezone`: time zone of the cron line. `fresh`: recipe key that gets a new number at each firing (`redraw`, `seed`),
    None for an unchanged recipe. `verb`: `curate`, `evaluate`, `mix` or `sweep`. `since`: time of creation, from which
    `every` counts. `overlap`: `skip` or `queue` a firing that falls due while the one before runs. `on`: version:DATASET or
    model:NAME. `seen`: the last version or model that it fired for, or that existed when the schedule was made.
    `publish_again`: True to publish content that equals an older version as the newest version; otherwise it counts as
    nothing new.
    """

    name: str
    cron: str
    recipe: str
    timezone: str = "UTC"
    sets: tuple[str, ...] = ()
    profile: str | None = None
    paused: bool = False
    fresh: str | None = None
    verb: str = "curate"
    every: int = 0
    on: str | None = None
    since: str = "1970-01-01T00:00:00+00:00"
    overlap: Literal["skip", "queue"] = "skip"
    retries: int = 0
    retry_delay: int = 60
    notify: Notify = Notify()
    seen: str | None = None
    publish_again: bool = False

    def next_time(self, after: datetime) -> datetime | None:
        """Next firing, by its own time zone; None while it is paused or waiting for a version or model."""
        return next(self.times(after), None)

    def times(self, after: datetime) -> Iterator[datetime]:
        """Next firings in order, by its own time zone; empty while it is paused or waiting for a version or model."""
        from zoneinfo import ZoneInfo

        from cronsim import CronSim

        zone = ZoneInfo(self.timezone)
        if self.paused or self.on:
            return
        if self.cron:
            yield from CronSim(self.cron, after.astimezone(zone))
            return
        anchor = datetime.fromisoformat(self.since).astimezone(UTC)
        # Counted from `since`, not from the last firing: a late firing does not delay the next ones.
        done = max(0, int((after - anchor).total_seconds() // self.every) + 1)
        while True:
            yield (anchor + timedelta(seconds=self.every * done)).astimezone(zone)
            done += 1

    def next_five(self, after: datetime) -> list[str]:
        """The next five of its times, as ISO texts."""
        return [when.isoformat(timespec="minutes") for when in islice(self.times(after), 5)]

    @property
    def words(self) -> str:
        """Times of firing, in words."""
        from cronsim import CronSim

        if self.on:
            kind, _, name = self.on.partition(":")
            return f"When dataset {name} has a new version" if kind == "version" else f"When model {name} is a new one"
        if self.every:
            unit, word = (3600, "hour") if self.every % 3600 == 0 else (60, "minute")
            return f"Every {word}" if self.every == unit else f"Every {self.every // unit} {word}s"
        return f"{CronSim(self.cron, datetime.now(UTC)).explain()} ({self.timezone})"


def checked_cron(cron: str, timezone: str) -> None:
    """SetupError unless the cron line and the time zone are valid."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    try:
        now = datetime.now(ZoneInfo(timezone))
    except (OSError, ValueError, KeyError):
        raise SetupError(f"no time zone {timezone!r}.", next_command="--timezone Europe/Berlin, or UTC") from None
    # CronSim takes six fields as well, the first of seconds.
    if len(cron.split()) != 5:
        raise SetupError(f"cron {cron!r} needs five fields.", next_command=NIGHTLY)
    try:
        next(CronSim(cron, now))
    except (CronSimError, StopIteration) as error:
        raise SetupError(f"cron {cron!r}: {error}.", next_command=NIGHTLY) from None


def seconds_of(every: str) -> int:
    """The seconds of an interval such as 30m or 6h; SetupError for another, and for a day or more, which is cron's."""
    match = re.fullmatch(r"(\d{1,5})([mh])", every)
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    if not 60 <= seconds < 86_400:
        raise SetupError(
            f"--every {every!r}: minutes or hours, less than a day.", next_command=f"--every 30m, or {NIGHTLY}"
        )
    return seconds


class Schedules:
    """The file of schedules in a workspace's state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "schedules.json"

    def all(self) -> list[Schedule]:
        """Every schedule, by name."""
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            return [_scheduled(row) for row in rows]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, KeyError) as error:
            raise SetupError(
                f"{self.path} cannot be read: {error}.",
                next_command=f"mv {self.path} {self.path}.damaged, then schedule add",
            ) from None

    def get(self, name: str) -> Schedule:
        """Schedule of this name; SetupError with the nearest name otherwise."""
        schedules = {item.name: item for item in self.all()}
        if name not in schedules:
            raise unknown_name("schedule", name, schedules, next_command="rollmill schedule list")
        return schedules[name]

    def add(self, item: Schedule) -> None:
        """Add a schedule, or replace the one of that name."""
        with self._changing() as rows:
            rows[item.name] = item

    def pause(self, name: str, *, paused: bool) -> None:
        """Pause or resume one."""
        self.get(name)
        with self._changing() as rows:
            rows[name] = replace(rows[name], paused=paused)

    def record_seen(self, name: str, state: str) -> None:
        """Record the version or model for which a schedule with `on` fired last; no effect on a removed one."""
        with self._changing() as rows:
            if name in rows:
                rows[name] = replace(rows[name], seen=state)

    def remove(self, name: str) -> None:
        """Remove a schedule."""
        self.get(name)
        with self._changing() as rows:
            rows.pop(name, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Schedule]]:
        with locked(self.path.with_suffix(".lock")):
            rows = {item.name: item for item in self.all()}
            yield rows
            # Whole or not at all: `up` reads without the lock.
            write_text(self.path, json.dumps([asdict(rows[name]) for name in sorted(rows)], indent=2))


def _scheduled(row: dict[str, Any]) -> Schedule:
    return Schedule(**{**row, "sets": tuple(row["sets"]), "notify": Notify(**row.get("notify", {}))})
