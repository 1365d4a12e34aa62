"""A model server that Rollmill starts: its settings in a profile, and its process (command, start, health, log, end).

None of it can change which rows are requested. Places are given as absolute paths. When a server is started, and started
again, is local_servers.py's.
"""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.pipelines.processes.proc import listens_here
from rollmill.pipelines.processes.spawn import GUARDS_OWN, GuardedProgram, ProcessLog

MODULE = "vllm.entrypoints.openai.api_server"
GUEST = Path(__file__).with_name("guest")
GUARD = "rollmill_key.RequireKey"  # vLLM itself asks for the key at some of its paths alone
# Set by Rollmill: a server that listens elsewhere or under another name is not found; a key in a command line is public.
OURS = ("--host", "--port", "--model", "--served-model-name", "--api-key", "--uds", "--root-path", "--ssl-keyfile")
# PYTHONSAFEPATH: a module in the folder of the call is not taken for one of the server's.
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
# Of our own interpreter; in another one they would load our packages.
NOT_THEIRS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "VLLM_API_KEY")


# Found without importing it, which takes half a minute.
_FIND = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
PROBE_SECONDS = 60.0
HEALTH_SECONDS = 5.0  # for an answer of its health path
GRACE = 10.0  # seconds between SIGTERM and SIGKILL
MOST_LOG = 16 << 20  # bytes, beyond which the log of earlier starts is put aside
SECRET_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's affair


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model and how to serve it. `name`: name that requests give the model. `port`: port of the first replica; 0: any
    free one.

    `start_seconds`: longest time of one start. `restarts`: most restarts of all replicas in one command. `logs`: folder of
    the servers' logs. `program`: command line of another server than vLLM's, with {model}, {name} and {port}. `env`:
    environment variables, in which {key} stands for the key that the server must require. `health`: path that answers with
    200 once the server is ready.
    """

    python: Path
    model: str
    name: str
    logs: Path
    port: int = 0
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    without: Sequence[str] = field(default=(), repr=False)
    start_seconds: float = 600.0
    replicas: int = 1
    restarts: int = 3
    concurrency: int = 64
    program: Sequence[str] = ()
    health: str = "/health"

    def command(self, port: int) -> list[str]:
        """The server's command line. The model's own `generation_config.json` sets no sampling in vLLM: the recipe does."""
        if self.program:
            places = {"model": self.model, "name": self.name, "port": str(port)}
            return [_filled(word, places) for word in self.program]
        ours = ["--model", self.model, "--served-model-name", self.name, "--host", "127.0.0.1", "--port", str(port)]
        plain = [] if any(_flag(arg) == "--generation-config" for arg in self.args) else ["--generation-config", "vllm"]
        # The guard last: the outermost middleware, before those of the profile.
        return [str(self.python), "-m", MODULE, *ours, *plain, *self.args, "--middleware", GUARD]

    def environment(self, key: str) -> dict[str, str]:
        """The server's environment: ours without private variables, overridden by the profile's, and its key."""
        hidden = {*NOT_THEIRS, *self.without}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        own = {name: _filled(value, {"key": key}) for name, value in self.env.items()}
        ours = {} if self.program else {"PYTHONPATH": os.pathsep.join(filter(None, [str(GUEST), own.get("PYTHONPATH")]))}
        return {**kept, **QUIET, **own, **ours, "VLLM_API_KEY": key}

    def check(self) -> None:
        """SetupError if the interpreter or the program is missing, or a flag is Rollmill's to set."""
        if self.program and shutil.which(self.program[0]) is None:
            raise SetupError(
                f"no program {self.program[0]}, which the profile names under serve.command.",
                next_command="install it, or write its path: serve.command: [/path/to/it, ...]",
            )
        if not self.program and not (self.python.is_file() and os.access(self.python, os.X_OK)):
            raise SetupError(
                f"no interpreter {self.python}, which the profile names under serve.python.",
                next_command="make vllm, which makes .venv-vllm/bin/python",
            )
        keys = {"--model": ("serve.model",), "--port": ("serve.port",), "--served-model-name": ("serve.served_name",)}
        for flag in map(_flag, self.args):
            if flag in OURS:
                raise SetupError(f"serve.args names {flag}, which Rollmill sets itself.", choices=keys.get(flag, ()))


def _filled(text: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _flag(arg: str) -> str:
    return arg.partition("=")[0].replace("_", "-")


def probe(model: LocalModel) -> tuple[bool, str]:
    """Check whether this server could be started, with one line about it."""
    try:
        model.check()
    except SetupError as error:
        return False, error.text()
    if model.program:
        return True, f"can be started by {model.program[0]}: {model.model}"
    try:
        search = subprocess.run(
            [str(model.python), "-c", _FIND], env=model.environment(""), capture_output=True, timeout=PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"{model.python} cannot be run: {error}"
    if search.returncode != 0:
        return False, f"{model.python} has no vllm. Next: make vllm"
    place = model.model if Path(model.model).is_dir() else f"{model.model}, which vLLM will look for by name"
    return True, f"can be started from {model.python}: {place}"


class ServerProcess:
    """A server that was started; `key` is a secret that only this server accepts, so that no other server is mistaken for
    it.
    """

    def __init__(self, model: LocalModel, port: int, key: str, log: Path) -> None:
        self.model, self.port, self._key = model, port, key
        # Before the start: it notes where the lines of this start begin.
        self._log = ProcessLog(log, MOST_LOG)
        self._looked = 0.0, False  # when, and whether the port was ours
        self._process = GuardedProgram(model.command(port), model.environment(key), log, grace=GRACE)

    @property
    def status(self) -> int | None:
        """The server's exit status, negative for a signal; None while it runs."""
        return self._process.status

    def has_port(self) -> bool:
        """True while only processes of this server listen at the port; a second old at most."""
        now = time.monotonic()
        if now - self._looked[0] > 1.0 or not self._looked[1]:
            self._looked = now, listens_here(self.port, self._process.pid)
        return self._looked[1]

    def strangers(self) -> str:
        """Words about a process at the port that this server did not start; empty if there is none."""
        taken = listens_here(self.port) and not self.has_port()
        return f"; a process that it did not start listens at port {self.port}" if taken else ""

    def health(self) -> int | None:
        """The status that its health path answers with; None without an answer, and while another process has its port."""
        if not listens_here(self.port, self._process.pid):
            return None
        try:
            with _DIRECT.open(f"http://127.0.0.1:{self.port}{self.model.health}", timeout=HEALTH_SECONDS) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return int(error.code)
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def last_lines(self, lines: int) -> list[str]:
        """The last lines of this start that say something, without secrets."""
        return [self._plain(line) for line in self._log.lines() if not line.startswith(GUARDS_OWN)][-lines:]

    def close(self) -> None:
        """End the server and everything it started; safe to call twice and from several threads."""
        self._process.close()

    def _plain(self, line: str) -> str:
        hidden = {value for name, value in self.model.env.items() if SECRET_NAME.search(name) and len(value) >= 4}
        for secret in (self._key, *hidden):
            line = line.replace(secret, "[hidden]")
        return re.sub(r"\x1b\[[0-9;]*m", "", line).strip()


def check_port(port: int) -> None:
    """Unavailable if another process listens on the profile's port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable(
                f"port {port} of serve.port cannot be used ({error.strerror}); no server is taken for one that it is not.",
                next_command="end what listens there, name another port, or port: 0 for any free one; a server that you "
                "started yourself is named under servers:",
            ) from None


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
