"""The standing server of `rollmill up` seen from outside: `look` is what every verb that speaks of it asks.

The process behind it leaves word of itself in a small file: that it starts, is up, starts its server again, or gave up and
why. A file whose process is gone without a word is that of one that was killed.
"""

import json
import os
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipelines.processes.proc import Process, process

Status = Literal["down", "starting", "up", "restarting", "silent", "gave up", "killed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What `rollmill up` wrote about itself: its process, port and home of its server, how it is and why."""

    process: Process
    port: int
    home: Path
    status: Status = "up"
    said: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """How the standing server of a workspace is. `standing` is None where none was started or it ended in order."""

    status: Status
    standing: Standing | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs, be its server well or not."""
        return self.status in ("starting", "up", "restarting", "silent")

    @property
    def sound(self) -> bool:
        """Whether it is as somebody left it: up, starting, or down."""
        return self.status in ("up", "starting", "down")

    @property
    def url(self) -> str:
        """Where its pages are."""
        return "" if self.standing is None else f"http://127.0.0.1:{self.standing.port}"

    def line(self) -> str:
        """One line for a person, with the next command where schedules do not fire."""
        pid, reason = (0, "") if self.standing is None else (self.standing.process.pid, self.standing.said)
        return {
            "down": "Not served: schedules fire only while `rollmill up` runs. Next: rollmill up",
            "starting": f"Starting: {reason or 'the Prefect server does not answer yet'} (pid {pid}).",
            "up": f"Served: this workspace is up, Prefect at {self.url} (pid {pid}).",
            "restarting": f"NOT SERVED now: {reason}",
            "silent": f"NOT SERVED: {self.url} does not answer (pid {pid}). Next: rollmill down && rollmill up",
            "gave up": f"NOT SERVED: `rollmill up` gave up: {reason} Next: rollmill up",
            "killed": f"NOT SERVED: `rollmill up` was killed (pid {pid} is gone). Next: rollmill up",
        }[self.status]


def look(state: Path) -> Service:
    """How the standing server is now."""
    standing = _read(state)
    if standing is None:
        return Service("down")
    if not standing.process.alive():
        return Service("gave up" if standing.status == "gave up" else "killed", standing)
    if standing.status == "up" and not healthy(standing.port):
        return Service("silent", standing)
    return Service(standing.status, standing)


def standing_file(state: Path) -> Path:
    """Where `up` leaves word of itself."""
    return state / "up.json"


def _read(state: Path) -> Standing | None:
    try:
        row = json.loads(standing_file(state).read_text())
        owner, home = Process(**row["process"]), Path(row["home"])
        return Standing(owner, row["port"], home, row["status"], row["said"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_standing(state: Path) -> Standing | None:
    """The standing server of this workspace when its process lives, whatever its health."""
    standing = _read(state)
    return standing if standing is not None and standing.process.alive() else None


def write_standing(state: Path, port: int, home: Path, status: Status = "up", said: str = "") -> None:
    """Leave word of this process as the standing one, whole or not at all."""
    row = asdict(Standing(process(os.getpid()), port, home, status, said))
    path = standing_file(state)
    draft = path.with_suffix(".tmp")  # renamed: who looks meanwhile sees the file before or after
    draft.write_text(json.dumps({**row, "home": str(home)}))
    draft.replace(path)


def healthy(port: int, timeout: float = 2.0) -> bool:
    """Whether a Prefect server answers on the loopback port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=timeout) as reply:
            return bool(reply.read() == b"true")  # another program on this port says something else
    except (OSError, urllib.error.URLError, ValueError):
        return False
