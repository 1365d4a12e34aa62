"""Keeps leases alive and spools flushed while engines work.

A lost lease is no failure: another command may then draw the same batch, and the unique key of segments keeps one of them.
"""

import threading

from flows.sampling.replies import SpoolWriter
from storage.ledger.leases import Lease

TICK = 0.2  # seconds


class LeaseHeartbeat:
    """Renews every held lease at a third of its life and flushes every open spool each tick."""

    def __init__(self, lease_seconds: float) -> None:
        self._renew_every = max(1, int(lease_seconds / 3 / TICK))  # ticks
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

    def release_all(self) -> None:
        """Give every lease back, so that another command can go on at once."""
        with self._lock:
            # Copied, since `release` takes the lock itself.
            leases = list(self._leases.values())
        for lease in leases:
            self.release(lease)

    def watch(self, writer: SpoolWriter) -> None:
        """Flush this writer each tick."""
        with self._lock:
            self._writers.add(writer)

    def unwatch(self, writer: SpoolWriter) -> None:
        """Its batch is drawn."""
        with self._lock:
            self._writers.discard(writer)

    def finish(self) -> None:
        """End `run`."""
        self._over.set()

    def run(self) -> None:
        """The body of the heartbeat's thread."""
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
