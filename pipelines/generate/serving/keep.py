"""One replica and the thread that keeps it: started, watched, started again on its port when it dies, at last ended.

What dies before it ever answered is a mistake in the profile, told with the last lines of its log; what dies later,
be it while it starts again, is started again, a bounded number of times for all replicas. Knows no requests.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipelines.generate.http.settings import Lost, Server
from pipelines.generate.serving.child import Child, free_port
from pipelines.generate.serving.settings import LocalModel
from pipelines.processes.ending import ending
from storage.errors import SetupError

State = Literal["starting", "up", "restarting", "lost", "ended"]
POLL = 0.25
LOOK_SECONDS = 5.0  # between looks at a server that is up
SICK = 3  # looks in a row at which it says that it is broken
PORT_TRIES = 3
TOLD_LINES = 6
MOST_LINES = 10_000
# What logs say, and what mends it.
KNOWN = {
    "No module named 'vllm": "make vllm, whose interpreter has it",
    "CPU Generator does not use offset": "add --no-enable-chunked-prefill, --max-num-batched-tokens, 4096 to serve.args: "
    "on a CPU vLLM cannot read a prompt with a seed in pieces",
}


@dataclass(frozen=True, slots=True)
class News:
    """What a server does: its state, for how many seconds, and the last line of its log while it starts or why it died."""

    name: str
    state: State
    seconds: float = 0.0
    said: str = ""


Tell = Callable[[News], None]


@dataclass(slots=True)
class Restarts:
    """How often the replicas of a model may still be started again."""

    left: int


class Kept:
    """A replica. `was_up`, `error` and `listeners` are read and written under `changed`."""

    def __init__(
        self, model: LocalModel, number: int, restarts: Restarts, changed: threading.Condition, tell: Tell
    ) -> None:
        self.model, self._restarts, self._changed, self._tell = model, restarts, changed, tell
        self.name = model.name if model.replicas == 1 else f"{model.name} #{number + 1}"
        safe = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in model.name)
        self._log = model.logs / f"serve-{safe}-{number + 1}.log"
        self._port = model.port + number if model.port else free_port()
        self._key = secrets.token_urlsafe(24)
        self._child: Child | None = None
        self.group: list[Kept] = [self]
        self.listeners: list[Lost] = []
        self.error: SetupError | None = None
        self.was_up = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._keep, name=f"serve-{self.name}", daemon=True)

    def server(self) -> Server:
        """Where it is asked; its port stays from now on."""
        url, model = f"http://127.0.0.1:{self._port}/v1", self.model
        return Server(url, concurrency=model.concurrency, models=(model.name,), key=self._key)

    def _keep(self) -> None:
        """The body of the thread."""
        state: State = "starting"
        try:
            while not self.over.is_set():
                self._child = self._begun(state)
                if not self.over.is_set():
                    self._watch(self._child)
                if not self.over.is_set():
                    self._count_death(self._child)
                self._child.close()
                state = "restarting"
        except SetupError as error:
            self._give_up(error)
        finally:
            if self._child is not None:
                self._child.close()
            self._tell(News(self.name, "lost" if self.error else "ended", said=str(self.error or "")))

    def _begun(self, state: State) -> Child:
        """A server that answers, that nobody wants any more, or whose restart failed; SetupError where it never answered.

        Requests reach a restarted server before our first look at it does, and may be what ends it: a death as any other.
        """
        for _ in range(PORT_TRIES):
            self._child = child = Child(self.model, self._port, self._key, self._log)
            if self._wait(child, state) or state == "restarting":
                return child
            if self.model.port or self.listeners or not _port_was_taken(child):
                break
            self._port = free_port()  # somebody was faster
        raise self._died(child, f"ended ({_how(child)}) while it was starting")

    def _wait(self, child: Child, state: State) -> bool:
        """Whether it answers or nobody wants it any more; False where it ended, SetupError where it is late."""
        began = time.monotonic()
        while child.status is None:
            waited = time.monotonic() - began
            if self.over.is_set():
                return True
            if child.health() == 200:
                with self._changed:
                    self.was_up = True
                    self._changed.notify_all()
                self._tell(News(self.name, "up", waited))
                return True
            if waited > self.model.start_seconds:
                raise self._died(child, f"did not answer within serve.start_seconds, {self.model.start_seconds:,.0f}")
            self._tell(News(self.name, state, waited, "".join(child.said(1))))
            self.over.wait(POLL)
        return False

    def _watch(self, child: Child) -> None:
        """Return when the server ends, says that it is broken, or is wanted no more."""
        sick, looked = 0, time.monotonic()
        while child.status is None and not self.over.wait(POLL):
            if time.monotonic() - looked < LOOK_SECONDS:
                continue
            sick = sick + 1 if (child.health() or 200) >= 500 else 0
            looked = time.monotonic()
            if sick >= SICK:
                return

    def _count_death(self, child: Child) -> None:
        """Take one of the restarts; SetupError where there is none left."""
        with self._changed:
            if self._restarts.left == 0:
                raise self._died(child, f"ended once more after {self.model.restarts} restarts")
            self._restarts.left -= 1
        self._tell(News(self.name, "restarting", said=f"ended ({_how(child)})"))

    def _died(self, child: Child, what: str) -> SetupError:
        """Why it is gone, with the last lines of its log."""
        lines = child.said(MOST_LINES)
        said = "".join(f"\n    {line}" for line in lines[-TOLD_LINES:])
        known = (mend for words, mend in KNOWN.items() if any(words in line for line in lines))
        mend = next(known, f"read {self._log}, mend serve: in the profile")
        return SetupError(f"the model server {self.name} {what}; it said:{said}\n", next_command=mend)

    def _give_up(self, error: SetupError) -> None:
        """Remember why; where no replica is left, tell whoever draws."""
        with self._changed:
            self.error = error
            last = all(one.error is not None for one in self.group)
            listeners = list(self.listeners) if last else []
            self._changed.notify_all()
        for listener in listeners:
            listener(error)


def _how(child: Child) -> str:
    status = child.status
    return "it does not answer" if status is None else ending(status)


def _port_was_taken(child: Child) -> bool:
    return any("address already in use" in line.lower() for line in child.said(200))
