"""State of the standing server of `rollmill up` from outside, for every command that reports it (`look`).

The process writes its state to a small file: it starts, is up, restarts its server, or gave up, with the reason. A file
with a dead process and no such reason means that the process was killed. It holds a lock as long as it lives: the file may
be a copy of another folder's.
"""

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rollmill.ground.files import is_locked, no_link
from rollmill.storage.ledger.owners import Owner, this_process

Status = Literal["down", "starting", "up", "restarting", "silent", "gave up", "killed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """State file of `rollmill up`: process, port and home folder of Prefect's server, its status and the reason for it.

    `url`: address of a Prefect server that the user runs; the port is then 0. `secret`: what the server of ours asks for.
    `dashboard`: address of the dashboard with its token, or the reason why it is not served.
    """

    process: Owner
    port: int
    home: Path
    status: Status = "up"
    said: str = ""
    url: str = ""
    dashboard: str = ""
    secret: str = ""

    @property
    def api(self) -> str:
        """Address of Prefect's API."""
        return self.url or f"http://127.0.0.1:{self.port}/api"

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with which Prefect's own commands reach this server."""
        header = {"PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({"Authorization": f"Bearer {self.secret}"})}
        return {"PREFECT_API_URL": self.api, **({} if self.url else header)}

    @property
    def pages(self) -> str:
        """Address at which its user opens Prefect's pages: with the secret, which becomes a cookie of the browser."""
        plain = self.api.removesuffix("/api")
        return f"{plain}/?token={self.secret}" if self.secret and not self.url else plain


@dataclass(frozen=True, slots=True)
class Service:
    """State of a workspace's standing server. `standing` is None if none was started or it ended in order."""

    status: Status
    standing: Standing | None = None

    @property
    def alive(self) -> bool:
        """True while its process runs, whatever the state of its server."""
        return self.status in ("starting", "up", "restarting", "silent")

    @property
    def sound(self) -> bool:
        """True for a server in its intended state: up, starting, or down."""
        return self.status in ("up", "starting", "down")

    @property
    def url(self) -> str:
        """Address of its pages, without the secret."""
        return "" if self.standing is None else self.standing.api.removesuffix("/api")

    def line(self, *, opens: bool = False) -> str:
        """State in one line for a person, with the next command if schedules do not fire. `opens`: with the secret in the
        address of Prefect's pages, for the terminal of the user alone.
        """
        url = self.standing.pages if opens and self.standing is not None else self.url
        pid, reason = (0, "") if self.standing is None else (self.standing.process.pid, self.standing.said)
        return {
            "down": "Not served: schedules fire only while `rollmill up` runs. Next: rollmill up",
            "starting": f"Starting: {reason or 'the Prefect server does not answer yet'} (pid {pid}).",
            "up": f"Served: this workspace is up, Prefect at {url} (pid {pid}).",
            "restarting": f"NOT SERVED now: {reason}",
            "silent": f"NOT SERVED: {self.url} does not answer (pid {pid}). Next: rollmill down && rollmill up",
            "gave up": f"NOT SERVED: `rollmill up` gave up: {reason} Next: rollmill up",
            "killed": f"NOT SERVED: `rollmill up` was killed (pid {pid} is gone). Next: rollmill up",
        }[self.status]


def look(state: Path) -> Service:
    """Current state of the standing server."""
    standing = _read(state)
    if standing is None:
        return Service("down")
    if not _lives(standing, state):
        return Service("gave up" if standing.status == "gave up" else "killed", standing)
    if standing.status == "up" and not healthy(standing.api):
        return Service("silent", standing)
    return Service(standing.status, standing)


def standing_file(state: Path) -> Path:
    """Path of the state file of `up`."""
    return state / "up.json"


def _read(state: Path) -> Standing | None:
    try:
        with open(standing_file(state), opener=no_link) as file:
            row = json.load(file)
        return Standing(**{**row, "process": Owner(**row["process"]), "home": Path(row["home"])})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def find_standing(state: Path) -> Standing | None:
    """The standing server of this workspace if its process lives, whatever its health."""
    standing = _read(state)
    return standing if standing is not None and _lives(standing, state) else None


def lock_file(state: Path) -> Path:
    """The file that the process of `up` keeps locked."""
    return state / "up.lock"


def _lives(standing: Standing, state: Path) -> bool:
    """True if its process lives and serves this folder."""
    mine = standing.process == this_process()
    lock = lock_file(state)
    # Its user may keep others from looking at its files; then that somebody holds the lock is all that can be seen.
    return mine or (is_locked(lock) and standing.process.alive() is True and standing.process.has_open(lock) is not False)


def write_standing(state: Path, port: int, home: Path, status: Status = "up", said: str = "", **more: str) -> None:
    """Write the state file of this process, atomically and readable by its owner only: it may hold a token.

    `more`: `url`, `dashboard` and `secret`, which keep their values if they are not given.
    """
    before = _read(state)
    me = this_process()
    ours = before if before is not None and before.process == me else None
    kept = {} if ours is None else {"url": ours.url, "dashboard": ours.dashboard, "secret": ours.secret}
    row = asdict(Standing(me, port, home, status, said, **{**kept, **more}))
    path = standing_file(state)
    draft = path.with_suffix(".tmp")  # renamed: a reader sees the file before or after
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({**row, "home": str(home)}))
    draft.replace(path)


def write_dashboard_address(state: Path, said: str) -> None:
    """Record the address of this process's pages, or the reason why it serves none."""
    now = _read(state)
    if now is not None and now.process == this_process():
        write_standing(state, now.port, now.home, now.status, now.said, dashboard=said)


def healthy(api: str, timeout: float = 2.0) -> bool:
    """True if a Prefect server answers at this address of its API."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=timeout) as reply:  # noqa: S310 - Prefect's address
            return bool(reply.read(99) == b"true")  # another program there answers differently
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)  # a user's own server that wants its key, which Prefect's client has
    except (OSError, urllib.error.URLError, ValueError):
        return False
