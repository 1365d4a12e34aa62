"""One server process under its guard: start, health, log, end. Knows one port and one log file; restarts nothing."""

import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

from pipelines.generate.serving.local_model import LocalModel
from pipelines.processes.ending import Log
from pipelines.processes.guarded import OURS, GuardedProgram
from storage.errors import SetupError

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
MOST_LOG = 16 << 20  # bytes, beyond which the log of earlier starts is put aside
SECRET_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's affair


class ServerProcess:
    """A server that was started; `key` is what it accepts and nobody else knows, so that no other is taken for it."""

    def __init__(self, model: LocalModel, port: int, key: str, log: Path) -> None:
        self.model, self.port, self._key = model, port, key
        self._log = Log(log, MOST_LOG)
        self._process = GuardedProgram(model.command(port), model.environment(key), log, grace=GRACE)

    @property
    def status(self) -> int | None:
        """The server's exit status, negative for a signal; None while it runs."""
        return self._process.status

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

    def last_lines(self, lines: int) -> list[str]:
        """The last lines of this start that say something, without secrets."""
        return [self._plain(line) for line in self._log.lines() if not line.startswith(OURS)][-lines:]

    def close(self) -> None:
        """End the server and everything it started; safe to call twice and from several threads."""
        self._process.close()

    def _plain(self, line: str) -> str:
        hidden = {value for name, value in self.model.env.items() if SECRET_NAME.search(name) and len(value) >= 4}
        for secret in (self._key, *hidden):
            line = line.replace(secret, "[hidden]")
        return re.sub(r"\x1b\[[0-9;]*m", "", line).strip()


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
