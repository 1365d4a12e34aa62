"""Writes made while a batch is drawn: replies to its spool, and their attempts to the ledger.

Replies are written in groups of 32, or after a fifth of a second by the heartbeat, whichever comes first. After a kill, the
requests in flight and the replies of that fifth are paid for again; this costs much less than one fsync per reply.
"""

import threading
import time
from collections.abc import Sequence

from rollmill.ground.records import Attempt, Completion
from rollmill.storage.spool import Spool
from rollmill.storage.workspace import Workspace

GROUP = 32  # replies of one write: one fsync each would cost more than all the rest of drawing
ATTEMPT_SECONDS = 2.0  # between two writings of attempts, each of which is a transaction


class SpoolWriter:
    """Groups the replies of one batch on their way to its spool; safe to use from two threads."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pending: list[Completion] = []
        self._lock = threading.Lock()

    def add(self, completion: Completion) -> None:
        """Take a reply; write the group when it is full."""
        with self._lock:
            self._pending.append(completion)
            if len(self._pending) >= GROUP:
                self._write()

    def flush(self) -> None:
        """Write the pending rows."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write the pending rows and close the file, which stays until the batch is a segment."""
        with self._lock:
            self._write()
            self._spool.close()

    def _write(self) -> None:
        if self._pending:
            self._spool.append(self._pending)
            self._pending.clear()


class AttemptLog:
    """The attempts of one batch. A killed process loses only unwritten counts."""

    def __init__(self, ws: Workspace, run: str, batch_id: str) -> None:
        self._ws, self._run, self._batch = ws, run, batch_id
        self._sums: dict[tuple[str, str], Attempt] = {}
        self._written = time.monotonic()

    def __call__(self, attempts: Sequence[Attempt]) -> None:
        """Add these."""
        for attempt in attempts:
            key = attempt.replica, attempt.outcome
            before = self._sums.get(key)
            count, seconds = (0, 0.0) if before is None else (before.count, before.seconds)
            total = count + attempt.count, seconds + attempt.seconds
            self._sums[key] = Attempt(*key, *total, attempt.completion_id)

    def write(self, *, now: bool = False) -> None:
        """Write the received rows, if it is time."""
        if now or time.monotonic() - self._written >= ATTEMPT_SECONDS:
            # Added up per replica and outcome first: a row per attempt would be the largest table of the ledger.
            sums, self._sums = self._sums, {}
            self._ws.attempts.add(self._run, self._batch, list(sums.values()))
            self._written = time.monotonic()
