"""Keeps leases alive and spools flushed while engines work.

A lease is lost where this process was stopped for longer than it lasts (SIGSTOP, a machine that slept): another command may
then draw the same batch. The unique key of segments keeps one copy, and the round begins again with what is still missing,
so that no more than the requests in flight are drawn twice.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rollmill.flows.sampling.control import JOIN_SECONDS, Control
from rollmill.flows.sampling.replies import SpoolWriter
from rollmill.storage.ledger.leases import Lease

TICK = 0.2  # seconds
LATE = 2.0  # seconds between two ticks of a process that was stopped, or of a machine that slept


class LeaseLost(Exception):  # noqa: N818 - of a stopped process, no error of anybody
    """Another command took over what this process was drawing: the round begins again."""


class LeaseHeartbeat:
    """Renews every held lease at a third of its life, `lease_seconds`, and flushes every open spool each tick."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.lease_seconds = control.limits.lease_seconds
        self._renew_every = max(1, int(self.lease_seconds / 3 / TICK))  # ticks
        self._leases: dict[str, Lease] = {}
        self._writers: set[SpoolWriter] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def hold(self, lease: Lease) -> None:
        """Renew this lease until it is released."""
        with self._lock:
            self._leases[lease.key] = lease

    def release(self, lease: Lease) -> None:
        """Give a lease back."""
        with self._lock:
            self._leases.pop(lease.key, None)
        lease.release()

    def watch(self, writer: SpoolWriter) -> None:
        """Flush this writer each tick."""
        with self._lock:
            self._writers.add(writer)

    def unwatch(self, writer: SpoolWriter) -> None:
        """Stop flushing the spool of a batch that is drawn."""
        with self._lock:
            self._writers.discard(writer)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Renew and flush in a thread until the block ends, whatever ends it; leases that are left are released then."""
        thread = self._control.thread("heartbeat", self._run)
        try:
            yield
        finally:
            self._over.set()
            thread.join(JOIN_SECONDS)
            with self._lock:
                # Copied, since `release` takes the lock itself.
                leases = list(self._leases.values())
            for lease in leases:
                self.release(lease)

    def _run(self) -> None:
        ticks, last = 0, time.monotonic()
        while not self._over.wait(TICK):
            # At once after a stop, which the clock tells: what was lost is then drawn no further.
            now = time.monotonic()
            ticks = 0 if now - last > LATE else ticks + 1
            last = now
            with self._lock:
                # Written outside the lock: an fsync or a busy ledger must not hold up who opens the next batch.
                writers, leases = list(self._writers), list(self._leases.values())
            for writer in writers:
                writer.flush()
            for lease in leases if ticks % self._renew_every == 0 else ():
                if not lease.renew() and self._is_held(lease):
                    self._control.fail(LeaseLost())

    def _is_held(self, lease: Lease) -> bool:
        """False for a lease that was given back meanwhile."""
        with self._lock:
            return self._leases.get(lease.key) is lease
