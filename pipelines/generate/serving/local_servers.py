"""The model servers of one command: started for the first draw, watched, restarted, and ended with the command.

A server that dies before its first answer is a mistake in the profile, reported with the last lines of its log; one that
dies later, even during a restart, is restarted, a bounded number of times for all replicas.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.pipelines.generate.calls import Interruption
from rollmill.pipelines.generate.http.http_settings import OnLoss, Server
from rollmill.pipelines.generate.serving.local_model import LocalModel, ServerProcess, check_port, free_port
from rollmill.pipelines.processes import spawn
from rollmill.pipelines.processes.proc import listeners_are_listed
from rollmill.pipelines.processes.spawn import ending

State = Literal["starting", "up", "restarting", "lost", "ended"]
POLL = 0.25  # seconds between looks at a server that starts
PROBE_SECONDS = 5.0  # between looks at a server that is up
SICK = 3  # looks in a row at which it says that it is broken
PORT_TRIES = 3  # of free ports: another process may take one before the server does
TOLD_LINES = 6  # of the log, in the message about a server that died
MOST_LINES = 10_000
# What logs say, and what mends it.
KNOWN = {
    "No module named 'vllm": "make vllm, whose interpreter has it",
    "CPU Generator does not use offset": "add --no-enable-chunked-prefill, --max-num-batched-tokens, 4096 to serve.args: "
    "on a CPU vLLM cannot read a prompt with a seed in pieces",
}


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """State change of a server: its state, for how many seconds, and the last line of its log while it starts or why it
    died.
    """

    name: str
    state: State
    seconds: float = 0.0
    detail: str = ""


EventListener = Callable[[ServerEvent], None]


@dataclass(slots=True)
class RestartsLeft:
    """Number of restarts left to the replicas of a model."""

    left: int


class LocalServer:
    """A replica. `was_up`, `error` and `listeners` are read and written under `changed`."""

    def __init__(
        self, model: LocalModel, number: int, restarts: RestartsLeft, changed: threading.Condition, tell: EventListener
    ) -> None:
        self.model, self._restarts, self._changed, self._tell = model, restarts, changed, tell
        self.name = model.name if model.replicas == 1 else f"{model.name} #{number + 1}"
        safe = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in model.name)
        self._log = model.logs / f"serve-{safe}-{number + 1}.log"
        self._port = model.port + number if model.port else free_port()
        self._key = secrets.token_urlsafe(24)
        self._process: ServerProcess | None = None
        self.group: list[LocalServer] = [self]
        self.listeners: list[OnLoss] = []
        self.error: SetupError | None = None
        self.was_up = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._keep, name=f"serve-{self.name}", daemon=True)

    def server(self) -> Server:
        """Address of the server; its port stays from now on."""
        url, model = f"http://127.0.0.1:{self._port}/v1", self.model
        return Server(url, concurrency=model.concurrency, models=(model.name,), key=self._key, ours=self._is_up)

    def _is_up(self) -> bool:
        """True while the process that was started runs, and no other one listens at its port."""
        process = self._process
        return process is not None and process.status is None and process.has_port()

    def _keep(self) -> None:
        """The body of the thread."""
        state: State = "starting"
        try:
            while not self.over.is_set():
                self._process = self._start(state)
                if not self.over.is_set():
                    self._watch(self._process)
                if not self.over.is_set():
                    self._count_death(self._process)
                self._process.close()
                state = "restarting"
        except SetupError as error:
            self._give_up(error)
        finally:
            if self._process is not None:
                self._process.close()
            self._tell(ServerEvent(self.name, "lost" if self.error else "ended", detail=str(self.error or "")))

    def _start(self, state: State) -> ServerProcess:
        """A server that answers, is no longer wanted, or failed to restart; SetupError if it never answered.

        Requests reach a restarted server before our first probe does, and may end it: this counts like any other death.
        """
        for _ in range(PORT_TRIES):
            # Kept at once: `_keep` has to close it where the wait raises.
            self._process = process = ServerProcess(self.model, self._port, self._key, self._log)
            if self._wait(process, state) or state == "restarting":
                return process
            port_taken = any("address already in use" in line.lower() for line in process.last_lines(200))
            if self.model.port or self.listeners or not port_taken:
                break
            self._port = free_port()  # somebody was faster
        raise self._died(process, f"ended ({_how(process)}) while it was starting")

    def _wait(self, process: ServerProcess, state: State) -> bool:
        """Wait until the server answers or is no longer wanted; False if it ended, SetupError if it is late."""
        began = time.monotonic()
        while process.status is None:
            waited = time.monotonic() - began
            if self.over.is_set():
                return True
            if process.health() == 200:
                with self._changed:
                    self.was_up = True
                    self._changed.notify_all()
                self._tell(ServerEvent(self.name, "up", waited))
                return True
            if waited > self.model.start_seconds:
                late = f"did not answer within serve.start_seconds, {self.model.start_seconds:,.0f}"
                raise self._died(process, late + process.strangers())
            self._tell(ServerEvent(self.name, state, waited, "".join(process.last_lines(1))))
            self.over.wait(POLL)
        return False

    def _watch(self, process: ServerProcess) -> None:
        """Return when the server ends, reports that it is broken, or is no longer wanted."""
        sick, looked = 0, time.monotonic()
        while process.status is None and not self.over.wait(POLL):
            if time.monotonic() - looked < PROBE_SECONDS:
                continue
            # No answer counts as a good one: under load a server may take longer than the look.
            sick = sick + 1 if (process.health() or 200) >= 500 else 0
            looked = time.monotonic()
            if sick >= SICK:
                return

    def _count_death(self, process: ServerProcess) -> None:
        """Take one of the restarts; SetupError if there is none left."""
        with self._changed:
            if self._restarts.left == 0:
                raise self._died(process, f"ended once more after {self.model.restarts} restarts")
            self._restarts.left -= 1
        self._tell(ServerEvent(self.name, "restarting", detail=f"ended ({_how(process)})"))

    def _died(self, process: ServerProcess, what: str) -> SetupError:
        """Error of a server that ended, with the last lines of its log."""
        lines = process.last_lines(MOST_LINES)
        log = "".join(f"\n    {line}" for line in lines[-TOLD_LINES:])
        message = f"the model server {self.name} {what}; it said:{log}\n"
        for words, mend in KNOWN.items():
            if any(words in line for line in lines):
                return SetupError(message, next_command=mend)
        return Unavailable(message, next_command=f"read {self._log}, correct serve: in the profile")

    def _give_up(self, error: SetupError) -> None:
        """Record the reason; if no replica is left, notify the drawing threads."""
        with self._changed:
            self.error = error
            last = all(server.error is not None for server in self.group)
            listeners = list(self.listeners) if last else []
            self._changed.notify_all()
        for listener in listeners:
            listener(error)


def _how(process: ServerProcess) -> str:
    status = process.status
    return "it does not answer" if status is None else ending(status)


class LocalServers:
    """Every model that a profile has served here. Nothing is started before `serving` is called."""

    def __init__(self, models: Sequence[LocalModel], tell: EventListener = lambda _: None) -> None:
        self._models = {model.name: model for model in models}
        self._tell = tell
        self._servers: dict[str, list[LocalServer]] = {}
        self._changed = threading.Condition()
        self._given_up = 0
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The models, as requests call them."""
        return tuple(self._models)

    @property
    def capacity(self) -> int:
        """Requests that all replicas answer in parallel."""
        return sum(model.concurrency * model.replicas for model in self._models.values())

    def patience(self, model: str) -> float:
        """Seconds that the servers of this model may be away because they are being started again."""
        return 1.5 * self._models[model].start_seconds

    def serving(self, model: str, lost: OnLoss) -> tuple[Server, ...]:
        """The replicas of a model, started if necessary, as soon as one of them answers; the others join later.

        `lost` is called when the last of them has ended permanently. SetupError if one cannot be started, Interruption
        after `interrupt`.
        """
        with self._changed:
            given_up = self._given_up
            servers = self._start(self._models[model])
            while not any(server.was_up and server.error is None for server in servers):
                for error in (server.error for server in servers if server.error):
                    raise error
                if self._given_up != given_up or self._closed:
                    raise Interruption("interrupted")
                self._changed.wait(POLL)
            for server in servers:
                server.listeners.append(lost)
            return tuple(server.server() for server in servers)

    def interrupt(self) -> None:
        """Release all callers that wait for a start; the start itself continues until `close`."""
        with self._changed:
            self._given_up += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End every server and wait until it has ended; safe to call twice."""
        with self._changed:
            self._closed = True
            servers = [server for group in self._servers.values() for server in group]
            self._servers = {}
            self._changed.notify_all()
        for server in servers:
            # All are told before any is waited for, so that their graces are not added up.
            server.over.set()
        for server in servers:
            server.thread.join()

    def _start(self, model: LocalModel) -> list[LocalServer]:
        if model.name not in self._servers:
            model.check()
            if not listeners_are_listed() and not self._servers:
                spawn.tell(
                    "no /proc/net/tcp here: no check that the model servers, and no other process, listen at their ports"
                )
            for port in range(model.port, model.port + model.replicas) if model.port else ():
                check_port(port)
            restarts = RestartsLeft(model.restarts)
            group = [LocalServer(model, number, restarts, self._changed, self._tell) for number in range(model.replicas)]
            for server in group:
                server.group = group
                server.thread.start()
            self._servers[model.name] = group
        return self._servers[model.name]
