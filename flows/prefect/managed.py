"""Prefect server of a command: a user's own (PREFECT_API_URL), the standing one of `rollmill up`, or a child that ends with
the command.

A listening socket is made first and passed to the child, so there is no race for a port and early requests queue. The
socket of a standing server stays open, so requests also queue while its child is restarted.
"""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from rollmill.flows.prefect.server import (
    ONE_SHOT,
    apply,
    child_environment,
    environment,
    user_prefect_environment,
    user_prefect_url,
)
from rollmill.ground.errors import RollmillError, SetupError
from rollmill.ground.files import no_link
from rollmill.pipelines.processes.local_server import new_secret
from rollmill.pipelines.processes.spawn import ProcessLog, ending, module_command, spawn_apart
from rollmill.storage.ledger.owners import maker_of, new_file_id
from rollmill.storage.standing import Standing, find_standing, healthy, write_standing

_PRIVATE = "prefect-"  # before the id of a throw-away home, which tells its maker
_ERROR = re.compile(r"(?m)^[\w.]*(?:Error|Exception): .*$")  # the last line of a traceback
PATIENCE = 300.0  # seconds a new server may take: eight of work to migrate a fresh home, many times that on a busy machine


def server_stands(state: Path) -> bool:
    """True with a server of the user's own, or with the standing one of this workspace if it answers."""
    return bool(user_prefect_url()) or _standing(state) is not None


def _standing(state: Path) -> Standing | None:
    standing = find_standing(state)
    return standing if standing is not None and not standing.url and healthy(standing.api) else None


class ManagedServer:
    """A Prefect server for the length of a `with` block; `start` returns immediately, `wait` once the server answers."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = 0
        self.users = user_prefect_url()
        self._secret = new_secret()  # of a server of our own, for as long as it is started again
        self._child: subprocess.Popen[bytes] | None = None
        self._listener: socket.socket | None = None
        self._lock: IO[str] | None = None
        self._private: Path | None = None
        self._log: ProcessLog | None = None  # of a server of our own

    def start(self) -> "ManagedServer":
        """Find the user's own server or the standing one, or start a child."""
        if self.users:
            apply(user_prefect_environment(**ONE_SHOT))
            return self
        standing = _standing(self.state)
        if standing is not None:
            self.port = standing.port
            apply(environment(standing.home, self.port, standing.secret, **ONE_SHOT))
            return self
        self._listen(0)  # any free port
        settings = environment(self._home(wait=False), self.port, self._secret)
        self._spawn(settings)
        self._close_listener()  # who connects after the child's death is refused at once
        apply({**settings, **ONE_SHOT})
        return self

    def start_standing(self, port: int) -> "ManagedServer":
        """Start a child with its background services on this port (0: any that is free).

        Its home is the workspace's, for which it waits while another command's server uses that. A user's own server is
        used unchanged.
        """
        if self.users:
            write_standing(self.state, 0, self.home, "starting", url=self.users)
            apply(user_prefect_environment())
            return self
        self._listen(port)
        write_standing(self.state, self.port, self.state / "prefect", "starting", secret=self._secret)
        settings = environment(self._home(wait=True), self.port, self._secret)
        apply(settings)
        self._spawn(settings, "--services")
        return self

    def start_again(self) -> None:
        """Restart the child of a standing server on its port; remaining processes of the old one are ended."""
        self._end_child()
        self._spawn(environment(self.home, self.port, self._secret), "--services")

    def ended(self) -> SetupError | None:
        """Reason that the child ended; None while it runs."""
        status = None if self._child is None else self._child.poll()
        return None if status is None else self._reason(status)

    @property
    def reused(self) -> bool:
        """True if the server belongs to another process and outlives this one."""
        return self._child is None

    @property
    def home(self) -> Path:
        """The Prefect home in use."""
        return Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect"))

    @property
    def api(self) -> str:
        """The address of its API."""
        return self.users or f"http://127.0.0.1:{self.port}/api"

    @property
    def answers(self) -> bool:
        """True if the server answers now."""
        return healthy(self.api)

    def wait(self) -> None:
        """Return when the server answers; SetupError with its output and a way out if its process ended."""
        deadline = time.monotonic() + PATIENCE
        while not healthy(self.api, timeout=min(30.0, PATIENCE)):
            ended = self.ended()
            if ended is not None:
                raise ended
            if self.reused:
                raise RollmillError(f"the Prefect server at {self.api} does not answer.")
            if time.monotonic() > deadline:
                raise RollmillError(
                    f"the Prefect server did not answer within {PATIENCE:.0f} s; see {self.state}/logs/prefect.log."
                )
            time.sleep(0.1)

    def _reason(self, status: int) -> SetupError:
        assert self._log is not None
        errors = _ERROR.findall("\n".join(self._log.lines()))
        if not errors:
            return SetupError(f"the Prefect server ended ({ending(status)}).", next_command=f"see {self._log.path}")
        return SetupError(
            f"the Prefect server ended ({ending(status)}): {errors[-1]}. Its home holds no run and no dataset of yours.",
            next_command=f"mv {self.home} {self.home}.damaged, and a new one is made",
        )

    def close(self) -> None:
        """End the child, if it is ours; a standing server stays."""
        self._end_child()
        self._close_listener()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "ManagedServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _home(self, *, wait: bool) -> Path:
        """The workspace's Prefect home; while another command's server is using that, wait or take a throw-away one."""
        home = self.state / "prefect"
        try:
            _own_folder(home)
            lock = open(self.state / "prefect.lock", "a", opener=no_link)  # noqa: SIM115 - held until close()
        except OSError as error:
            raise SetupError(f"cannot write in {error.filename}: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # SQLite under two servers would lock them out in turn
            self._lock = lock
        except BlockingIOError:
            if wait:
                write_standing(self.state, self.port, home, "starting", "it waits for a command that uses Prefect's home")
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._lock = lock
            else:
                lock.close()
                remove_private_homes(self.state)
                self._private = home = self.state / f"{_PRIVATE}{new_file_id()}"
        _own_folder(home)
        return home

    def _listen(self, port: int) -> None:
        """Listen on a port of the loopback; SetupError if it is taken."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", port))
            self._listener.listen(128)
        except OSError as error:
            self._close_listener()
            raise SetupError(
                f"port {port} of 127.0.0.1 is not free: {error.strerror}.",
                next_command=f"rollmill up --port {port + 1}, or [up] port = {port + 1} in rollmill.toml",
            ) from None
        self.port = self._listener.getsockname()[1]

    def _spawn(self, settings: dict[str, str], *flags: str) -> None:
        assert self._listener is not None
        number = self._listener.fileno()
        command = module_command("rollmill.flows.prefect.server", "--fd", str(number), "--parent", str(os.getpid()), *flags)
        self._log = ProcessLog(self.state / "logs" / "prefect.log")
        self._child = spawn_apart(command, child_environment(settings), self._log.path, keep=[number])

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(timeout=5)  # it has nothing to save: what counts is in the ledger
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None


def _own_folder(home: Path) -> None:
    """Make a home of Prefect, which no other user may read: its database holds all that its server was told."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if home.stat().st_mode & 0o077 and home.stat().st_uid == os.getuid():
        home.chmod(0o700)


def remove_private_homes(state: Path) -> list[str]:
    """Remove the throw-away homes whose command was killed; their names."""
    removed = []
    for folder in sorted(state.glob(f"{_PRIVATE}*")):
        maker = maker_of(folder.name.removeprefix(_PRIVATE))
        if maker is not None and maker.alive() is False:  # one on another host, of a folder that both mount, may live
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed
