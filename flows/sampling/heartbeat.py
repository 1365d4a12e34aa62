"""Keeps leases alive and spools flushed while engines work.

A lost lease is not a failure: another command may then draw the same batch, and the unique key of segments keeps one copy.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flows.sampling.control import JOIN_SECONDS, Control
from flows.sampling.replies import SpoolWriter
from storage.ledger.leases import Lease

TICK = 0.2  # seconds


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
        ticks = 0
        while not self._over.wait(TICK):
            ticks += 1
            with self._lock:
                # Written outside the lock: an fsync or a busy ledger must not hold up who opens the next batch.
                writers, leases = list(self._writers), list(self._leases.values())
            for writer in writers:
                writer.flush()
            for lease in leases if ticks % self._renew_every == 0 else ():
                lease.renew()
