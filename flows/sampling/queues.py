"""What the threads of a round share: queues, permits, the first failure. Knows no engine and no storage.

Batches under way are bounded by permits, not by queue lengths: `uncommitted` permits from the first draw until the batch is
a segment, `unjudged` permits until its verdicts are. The queues hold no more than there are permits, so no put ever blocks
and no two threads can wait for one another.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flows.rounds.spec import Limits
from flows.sampling.batches import OpenBatch
from storage.records import Verdict


class StopSignal(Exception):  # noqa: N818 - a signal between our threads, not an error
    """Another thread failed or a person interrupted: leave quietly."""


@dataclass(frozen=True, slots=True)
class BatchCompletions:
    """A batch whose completions are at hand and not yet committed. `whole` False: the engine failed half-way."""

    open: OpenBatch
    whole: bool


@dataclass(frozen=True, slots=True)
class BatchVerdicts:
    """A batch whose new verdicts are at hand and not yet committed."""

    open: OpenBatch
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class EndOfDrawing:
    """The generator thread has opened its last batch."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Something failed: look at the line."""


Item = BatchCompletions | BatchVerdicts | EndOfDrawing | Wake


class RoundQueues:
    """Queues and permits of one round. Every wait ends soon after `stop`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.to_judge: queue.SimpleQueue[OpenBatch | None] = queue.SimpleQueue()
        self.uncommitted = threading.Semaphore(limits.uncommitted)
        self.unjudged = threading.Semaphore(limits.unjudged)
        self.failure: BaseException | None = None
        self.opened = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @property
    def stopping(self) -> bool:
        """Whether to leave."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Make every thread leave at its next wait or completion."""
        self._stop.set()
        for _ in range(self.limits.verify_threads):
            self.to_judge.put(None)

    def fail(self, error: BaseException) -> None:
        """Record the first failure and stop; it is raised by whoever runs the round."""
        with self._lock:
            self.failure = self.failure or error
        self.stop()
        self.inbox.put(Wake())

    def check(self) -> None:
        """Raise StopSignal where the line stops."""
        if self.stopping:
            raise StopSignal

    def permit(self, permits: threading.Semaphore) -> None:
        """Wait for a permit; StopSignal where the line stops first."""
        while not permits.acquire(timeout=0.1):
            self.check()
        self.check()

    def pause(self, seconds: float) -> None:
        """Sleep unless the line stops; StopSignal then."""
        if self._stop.wait(seconds):
            raise StopSignal

    def thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread whose failure stops the line instead of vanishing."""

        def guarded() -> None:
            try:
                work()
            except StopSignal:
                pass
            except BaseException as error:
                self.fail(error)

        started = threading.Thread(target=guarded, name=f"rollmill-{name}", daemon=True)
        started.start()
        return started


class Clock:
    """Seconds since a round began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.monotonic() - self._began
