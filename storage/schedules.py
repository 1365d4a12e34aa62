"""The schedules of a workspace: a small JSON file read by `up`, so they outlive Prefect's home.

Every change is made under a file lock; readers see the file before or after it, never half of it.

A row is signed by whoever adds or changes its schedule (storage/schedule_key.py). Rows of others fire nothing: they came
with the folder, the folder was moved or copied, or a version before signatures wrote them.
"""

import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import locked, read_utf8, write_text
from rollmill.storage.schedule_key import signature

UNITS = {"m": 60, "h": 3600}
DUE = "due"  # status of a firing that has not begun
NOT_YOURS = "not yours: does not fire"
MOST_NAMED = 5
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
UNSIGNED = frozenset({"seen", "signature"})  # of a row: `up` itself records what it saw
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
    `every` counts. `overlap`: `skip`, `queue` or `allow` a
    firing that falls due while the one before runs. `on`: version:DATASET or
    model:NAME. `seen`: the last version or model that it fired for, or that existed when the schedule was made.
    `publish_again`: True to publish content that equals an older version as the newest version; otherwise it counts as
    nothing new. `own`: False for one that was read without a signature of the person who reads it; it never fires.
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
    overlap: Literal["skip", "queue", "allow"] = "skip"
    retries: int = 0
    retry_delay: int = 60
    notify: Notify = Notify()
    seen: str | None = None
    publish_again: bool = False
    own: bool = True

    def next_time(self, after: datetime) -> datetime | None:
        """Next firing, by its own time zone; None where `times` has none."""
        return next(self.times(after), None)

    def times(self, after: datetime) -> Iterator[datetime]:
        """Next firings in order, by its own time zone; empty while it is paused or waiting for a version or model, and for
        one that is not own.
        """
        from zoneinfo import ZoneInfo

        from cronsim import CronSim

        if self.paused or self.on or not self.own:
            return
        zone = ZoneInfo(self.timezone)
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
    def rests(self) -> str:
        """Why it has no next time, in words; nothing for one that has."""
        return NOT_YOURS if not self.own else "paused" if self.paused else "when it comes" if self.on else ""

    @property
    def acceptance(self) -> str:
        """The command that shows what one would run that is not own, and names the command that accepts it."""
        return f"rollmill schedule accept {self.name} --dry-run"

    @property
    def words(self) -> str:
        """Times of firing, in words."""
        from cronsim import CronSim

        if not self.own:  # nobody checked what it says
            return self.on or self.cron or f"every {self.every} s"
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
        """Every schedule, by name, to be shown: those that are not own fire nothing."""
        return [self._schedule(row) for row in self._rows()]

    def own(self) -> list[Schedule]:
        """The schedules that fire: those which the person who asks added or accepted in this folder."""
        return [item for item in self.all() if item.own]

    def get(self, name: str) -> Schedule:
        """Schedule of this name, to be shown; SetupError with the nearest name otherwise."""
        schedules = {item.name: item for item in self.all()}
        if name not in schedules:
            raise unknown_name("schedule", name, schedules, next_command="rollmill schedule list")
        return schedules[name]

    def get_own(self, name: str) -> Schedule:
        """Schedule of this name, to be run or changed; SetupError if it is not own."""
        item = self.get(name)
        if not item.own:
            raise SetupError(
                f"schedule {name!r} was not written here: it came with the folder, the folder was moved or copied, or an "
                "older version wrote it. It does not fire.",
                next_command=item.acceptance,
            )
        return item

    def add(self, item: Schedule) -> None:
        """Add a schedule as own, or replace the one of that name."""
        with self._changing() as rows:
            rows[item.name] = self._signed(item)

    def pause(self, name: str, *, paused: bool) -> None:
        """Pause or resume one."""
        with self._changing() as rows:
            rows[name] = self._signed(replace(self.get_own(name), paused=paused))

    def record_seen(self, name: str, state: str) -> None:
        """Record the version or model for which a schedule with `on` fired last; no effect on a removed one."""
        with self._changing() as rows:
            if name in rows:
                rows[name]["seen"] = state

    def remove(self, name: str) -> None:
        """Remove a schedule."""
        self.get(name)
        with self._changing() as rows:
            rows.pop(name, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The rows by name. Those that the block leaves alone stay as they are, with the signature that they have."""
        with locked(self.path.with_suffix(".lock")):
            rows = {row["name"]: row for row in self._rows()}
            yield rows
            # Whole or not at all: `up` reads without the lock.
            write_text(self.path, json.dumps([rows[name] for name in sorted(rows)], indent=2))

    def _rows(self) -> list[dict[str, Any]]:
        """The rows as they are stored, by name; SetupError unless each is a schedule."""
        way_out = f"mv {self.path} {self.path}.damaged, then schedule add"
        try:
            rows: list[dict[str, Any]] = json.loads(read_utf8(self.path, next_command=way_out))
            names = [_read(row, own=False).name for row in rows]
            if len(set(names)) < len(names):
                raise ValueError("two schedules have one name")
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SetupError(f"{self.path} cannot be read: {error}.", next_command=way_out) from None
        return sorted(rows, key=lambda row: str(row["name"]))

    def _schedule(self, row: Mapping[str, Any]) -> Schedule:
        signed = str(row.get("signature", ""))
        mine = self._signature(row) if signed else None
        return _read(row, own=mine is not None and hmac.compare_digest(mine.encode(), signed.encode()))

    def _signed(self, item: Schedule) -> dict[str, Any]:
        row = {key: value for key, value in asdict(item).items() if key != "own"}
        return {**row, "signature": self._signature(row, make_key=True)}

    def _signature(self, row: Mapping[str, Any], *, make_key: bool = False) -> str | None:
        # Over the row as it is stored: a version with another field reads the signature of this one.
        content = {key: value for key, value in row.items() if key not in UNSIGNED}
        return signature(content, self.path.parent, make_key=make_key)


def foreign_schedules(items: Iterable[Schedule]) -> str:
    """Sentence on the schedules that are not own, with the next command; nothing without one."""
    foreign = [item for item in items if not item.own]
    if not foreign:
        return ""
    are, do = (f"{len(foreign)} schedules were", "do") if len(foreign) > 1 else ("1 schedule was", "does")
    shown = ", ".join([item.name for item in foreign[:MOST_NAMED]] + ["..."] * (len(foreign) > MOST_NAMED))
    return f"{are} not written here and {do} not fire: {shown}. Next: {foreign[0].acceptance}"


def _read(row: Mapping[str, Any], *, own: bool) -> Schedule:
    """The schedule in a row; TypeError for values of other types, as the file may be somebody else's."""
    content = {key: value for key, value in row.items() if key != "signature"}
    content |= {"sets": tuple(row["sets"]), "notify": Notify(**row.get("notify", {})), "own": own}
    item = Schedule(**content)
    if not NAME.fullmatch(item.name):  # it is part of commands that are shown
        raise ValueError(f"name is {item.name!r}")
    for part in (item, item.notify):
        for field in fields(part):
            value = getattr(part, field.name)
            texts = value if isinstance(value, tuple) else (value,)
            if field.type in (bool, int):
                fits = type(value) is field.type
            else:
                fits = all(isinstance(text, str | Notify) or (text is None and field.default is None) for text in texts)
            if not fits:
                raise TypeError(f"{field.name} is {value!r}")
    return item
