"""Which Prefect server a command uses: the standing one of `rollmill up`, or a child of its own for as long as it runs.

A listening socket is made first and handed to the child, so no port is raced for and early requests queue. Knows no flow.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from flows.prefect.environment import ONE_SHOT, apply, child_environment, environment
from flows.prefect.process import Process, process, spawn
from storage.errors import RollmillError, SetupError

_ERROR = re.compile(r"(?m)^[\w.]*(?:Error|Exception): .*$")  # the last line of a traceback
PATIENCE = 300.0  # seconds a new server may take: eight of work to migrate a fresh home, many times that on a busy machine


@dataclass(frozen=True, slots=True)
class Standing:
    """What `rollmill up` wrote about itself: its process, its server's port and home."""

    process: Process
    port: int
    home: Path


def standing_file(state: Path) -> Path:
    """Where `up` leaves word of itself."""
    return state / "up.json"


def find_standing(state: Path) -> Standing | None:
    """The standing server of this workspace when its process lives, whatever its health."""
    try:
        row = json.loads(standing_file(state).read_text())
        found = Standing(Process(row["pid"], row["started"]), row["port"], Path(row["home"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.process.alive() else None


def write_standing(state: Path, port: int, home: Path) -> None:
    """Leave word of this process as the standing one, whole or not at all."""
    me = process(os.getpid())
    path = standing_file(state)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"pid": me.pid, "started": me.started, "port": port, "home": str(home)}))
    draft.replace(path)


def healthy(port: int, timeout: float = 2.0) -> bool:
    """Whether a Prefect server answers on the loopback port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=timeout) as reply:
            return bool(reply.read() == b"true")
    except (OSError, urllib.error.URLError, ValueError):
        return False


class ManagedServer:
    """A Prefect server for the length of a `with` block; `start` returns at once and `wait` when it answers."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._private: Path | None = None
        self._logged = 0  # bytes of the log that were there before this server

    def start(self, *, services: bool = False) -> "ManagedServer":
        """Find the standing server or start a child; call from the main thread, whose death the child follows."""
        standing = None if services else find_standing(self.state)
        if standing is not None and healthy(standing.port):
            self.port = standing.port
            apply(environment(standing.home, self.port, **ONE_SHOT))
            return self
        self._start_child(self._home(wait=services), services)
        return self

    @property
    def reused(self) -> bool:
        """Whether this is somebody else's server, which outlives us."""
        return self._child is None

    @property
    def home(self) -> Path:
        """The Prefect home in use."""
        return Path(os.environ["PREFECT_HOME"])

    def wait(self) -> None:
        """Return when the server answers; SetupError with what it said and a way out when its process ended instead."""
        deadline = time.monotonic() + PATIENCE
        while not healthy(self.port, timeout=min(30.0, PATIENCE)):
            if self._child is not None and self._child.poll() is not None:
                raise self._ended(self._child.returncode)
            if self.reused:
                raise RollmillError(f"the standing Prefect server at port {self.port} does not answer any more.")
            if time.monotonic() > deadline:
                raise RollmillError(f"the Prefect server did not answer within {PATIENCE:.0f} s; see {self._log}.")
            time.sleep(0.1)

    def _ended(self, status: int) -> SetupError:
        with self._log.open("rb") as log:
            log.seek(self._logged)
            errors = _ERROR.findall(log.read().decode(errors="replace"))
        if not errors:
            return SetupError(f"the Prefect server ended with status {status}.", next_command=f"see {self._log}")
        return SetupError(
            f"the Prefect server ended with status {status}: {errors[-1]}. Its home holds no run and no dataset of yours.",
            next_command=f"mv {self.home} {self.home}.damaged, and a new one is made",
        )

    def close(self) -> None:
        """End the child, if it is ours; a standing server stays."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "ManagedServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self.state / "logs" / "prefect.log"

    def _home(self, *, wait: bool) -> Path:
        """The workspace's Prefect home; while another command's server is using that, wait or take a throw-away one."""
        home = self.state / "prefect"
        try:
            home.mkdir(parents=True, exist_ok=True)
            lock = (self.state / "prefect.lock").open("w")
        except OSError as error:
            raise SetupError(f"cannot write in {error.filename}: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            lock.close()
            self._sweep()
            self._private = home = self.state / f"prefect-{os.getpid()}"
        else:
            self._lock = lock
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _sweep(self) -> None:
        """Remove throw-away homes whose command was killed."""
        for folder in self.state.glob("prefect-*"):
            number = folder.name.removeprefix("prefect-")
            if number.isdigit() and not process(int(number)).alive():
                shutil.rmtree(folder, ignore_errors=True)

    def _start_child(self, home: Path, services: bool) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        settings = environment(home, self.port)
        self._logged = self._log.stat().st_size if self._log.exists() else 0
        flags = ["--services"] if services else []
        command = [sys.executable, "-P", "-m", "flows.prefect.server", "--fd", str(listener.fileno())]
        command += ["--parent", str(os.getpid()), *flags]
        self._child = spawn(command, child_environment(settings), self._log, keep=[listener.fileno()])
        listener.close()
        apply(settings if services else {**settings, **ONE_SHOT})
