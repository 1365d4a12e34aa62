"""The schedules of a workspace: a small JSON file that `up` serves, so they outlive Prefect's home.

Every change is made under a file lock; readers see the file before or after it, never half of it.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from storage.errors import SetupError, unknown_name


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A recipe curated, or an evaluation measured, on a cron line, in a time zone; paths are absolute, everything is data.

    `fresh`: what gets a new number at each firing (`redraw`, `seed`), None for the recipe as it is. `verb`: what is done
    with it, `curate` or `evaluate`.
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

    def next_time(self, after: datetime) -> datetime | None:
        """When it fires next, by its own time zone; None while it is paused."""
        from zoneinfo import ZoneInfo

        from cronsim import CronSim

        return None if self.paused else next(CronSim(self.cron, after.astimezone(ZoneInfo(self.timezone))))


def checked_cron(cron: str, timezone: str) -> None:
    """SetupError unless the cron line and the time zone are valid."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    try:
        now = datetime.now(ZoneInfo(timezone))
    except (OSError, ValueError, KeyError):
        raise SetupError(f"no time zone {timezone!r}.", next_command="--timezone Europe/Berlin, or UTC") from None
    if len(cron.split()) != 5:
        raise SetupError(f"cron {cron!r} needs five fields.", next_command='--cron "0 2 * * *" (every night at two)')
    try:
        next(CronSim(cron, now))
    except (CronSimError, StopIteration) as error:
        raise SetupError(f"cron {cron!r}: {error}.", next_command='--cron "0 2 * * *" (every night at two)') from None


class Schedules:
    """The file of schedules in a workspace's state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "schedules.json"

    def all(self) -> list[Scheduled]:
        """Every schedule, by name."""
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            return [Scheduled(**{**row, "sets": tuple(row["sets"])}) for row in rows]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, KeyError) as error:
            raise SetupError(
                f"{self.path} cannot be read: {error}.",
                next_command=f"mv {self.path} {self.path}.damaged, then schedule add",
            ) from None

    def get(self, name: str) -> Scheduled:
        """One schedule; SetupError with the nearest name otherwise."""
        schedules = {item.name: item for item in self.all()}
        if name not in schedules:
            raise unknown_name("schedule", name, schedules, next_command="rollmill schedule list")
        return schedules[name]

    def add(self, item: Scheduled) -> None:
        """Add a schedule, or replace the one of that name."""
        with self._changing() as rows:
            rows[item.name] = item

    def pause(self, name: str, *, paused: bool) -> None:
        """Pause or resume one."""
        self.get(name)
        with self._changing() as rows:
            rows[name] = replace(rows[name], paused=paused)

    def remove(self, name: str) -> None:
        """Forget one."""
        self.get(name)
        with self._changing() as rows:
            rows.pop(name, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Scheduled]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = {item.name: item for item in self.all()}
            yield rows
            draft = self.path.with_suffix(".tmp")  # and renamed: `up` reads without the lock
            draft.write_text(json.dumps([asdict(rows[name]) for name in sorted(rows)], indent=2), encoding="utf-8")
            draft.replace(self.path)
