"""One server process under its guard: start, health, log, end. Knows one port and one log file; restarts nothing."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from pipelines.generate.serving.settings import LocalModel
from storage.errors import SetupError

GUARD = Path(__file__).parents[1] / "guard.py"
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
END_SECONDS = GRACE + 40.0  # until the guard itself is given up
MOST_LOG = 16 << 20  # bytes, beyond which the log of earlier starts is put aside
TAIL_BYTES = 64 << 10
OURS = "rollmill: "  # the guard's own lines
SECRET_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's affair


class Child:
    """A server that was started; `key` is what it accepts and nobody else knows, so that no other is taken for it."""

    def __init__(self, model: LocalModel, port: int, key: str, log: Path) -> None:
        self.model, self.port, self.log = model, port, log
        self._key = key
        self._closing, self._closed = threading.Lock(), False
        self._begin = _prepare(log)
        with log.open("ab") as out:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), "0", "--grace", str(GRACE), *model.command(port)],
                env=model.environment(key),
                stdin=subprocess.PIPE,  # which nobody but us holds open: its end is ours, kill -9 included
                stdout=out,
                stderr=out,
                start_new_session=True,  # the terminal's Ctrl-C is not for it
            )

    @property
    def pid(self) -> int:
        """The guard's process id, which is its session's too."""
        return self._guard.pid

    @property
    def status(self) -> int | None:
        """The server's exit status; None while it runs."""
        return self._guard.poll()

    def health(self, timeout: float = 5.0) -> int | None:
        """The status that /health answers with; None where nobody answers."""
        try:
            with _DIRECT.open(f"http://127.0.0.1:{self.port}/health", timeout=timeout) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return int(error.code)
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def said(self, lines: int) -> list[str]:
        """The last lines of this start that say something, without secrets."""
        with suppress(OSError), self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
            return [self._plain(line) for line in text.splitlines() if line.strip() and not line.startswith(OURS)][-lines:]
        return []

    def close(self) -> None:
        """End the server and everything it started; safe to call twice and from several threads."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            try:
                self._guard.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._guard.kill()  # the kernel ends the server with it
                self._guard.wait()
            end_session(self.pid)  # nothing is left, unless the guard itself was killed

    def _plain(self, line: str) -> str:
        hidden = {value for name, value in self.model.env.items() if SECRET_NAME.search(name) and len(value) >= 4}
        for secret in (self._key, *hidden):
            line = line.replace(secret, "[hidden]")
        return re.sub(r"\x1b\[[0-9;]*m", "", line).strip()


def end_session(leader: int) -> None:
    """SIGKILL to every process of a session whose leader, a guard, was killed."""
    if Path(f"/proc/{leader}").exists():
        return  # ours is collected: this is another process with its number, which a session's name keeps from being given
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(path.name)) == leader:
                os.kill(int(path.name), signal.SIGKILL)


def check_port(port: int) -> None:
    """SetupError where somebody listens on a port that the profile wants."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupError(
                f"port {port} of serve.port cannot be used ({error.strerror}); no server is taken for one that it is not.",
                next_command="end what listens there, name another port, or port: 0 for any free one; a server that you "
                "started yourself is named under servers:",
            ) from None


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(log: Path) -> int:
    """Where this start's lines will begin in the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MOST_LOG:
        log.replace(log.with_suffix(".old.log"))
    os.close(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
    return log.stat().st_size
