"""Shared stop of the threads that draw and judge: the first failure ends the waits of all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

JOIN_SECONDS = 30.0  # for a thread that was told to stop; one that is held longer is left to die with the process


class StopSignal(Exception):  # noqa: N818 - a signal between our threads, not an error
    """Another thread failed or a person interrupted: leave quietly."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds on the work in flight. No bound changes a row.

    `uncommitted`: batches being drawn or not yet committed; a kill loses at most these. `unjudged`: batches drawn and not
    yet judged; bounds memory. `verify_threads`: verifier instances that work at the same time. `draw_workers`: batches of a
    spooled engine drawn at the same time, so that its servers are not idle at the end of each.
    """

    uncommitted: int = 2
    unjudged: int = 4
    verify_threads: int = 1
    draw_workers: int = 1
    lease_seconds: float = 60.0
    poll_seconds: float = 0.2


class Control:
    """Stops a group of threads. Every wait of theirs ends soon after `stop`."""

    def __init__(self, limits: QueueLimits) -> None:
        self.limits = limits
        self.failure: BaseException | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @property
    def stopping(self) -> bool:
        """True if the threads must stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Make every thread leave at its next wait or completion."""
        self._stop.set()

    def fail(self, error: BaseException) -> None:
        """Record the first failure and stop; the caller that waits for the threads raises it."""
        with self._lock:
            # The first alone: those after it mostly follow from the stop that it caused.
            self.failure = self.failure or error
        self.stop()

    def check(self) -> None:
        """Raise StopSignal if the threads stop."""
        if self.stopping:
            raise StopSignal

    def permit(self, permits: threading.Semaphore) -> None:
        """Wait for a permit; StopSignal if the threads stop first."""
        # A semaphore cannot be woken by an event, so the wait is cut into short ones.
        while not permits.acquire(timeout=0.1):
            self.check()
        self.check()

    def pause(self, seconds: float) -> None:
        """Sleep unless the threads stop; StopSignal then."""
        if self._stop.wait(seconds):
            raise StopSignal

    def thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread whose failure stops the others instead of vanishing."""

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
